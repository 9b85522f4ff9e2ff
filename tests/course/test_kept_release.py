"""What nbgrader makes of a source notebook is asked once, and again when anything has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Course, load_course
from autograder.course.course import _read_source
from autograder.course.markers import Markers
from tests.tiny_course import TinyCourse

KEPT = Path("records/released/tiny/tiny.json")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry each time that nbgrader was asked."""
    seen: list[str] = []
    really = Markers.released

    def released(self: Markers, notebook: Any) -> Any:
        seen.append("once")
        return really(self, notebook)

    monkeypatch.setattr(Markers, "released", released)
    return seen


def released(course: Course) -> Any:
    """As a command sees it that begins now."""
    _read_source.cache_clear()
    return load_course(course.root).notebooks("tiny")["tiny"].released


def test_the_next_command_need_not_ask(tmp_path: Path, asked: list[str]) -> None:
    course = load_course(TinyCourse(tmp_path).root)
    first = released(course)
    assert asked == ["once"]
    kept = json.loads((tmp_path / KEPT).read_text())
    kept["released"]["cells"][0]["source"] = "# kept"
    (tmp_path / KEPT).write_text(json.dumps(kept))
    second = released(course)
    assert asked == ["once"]
    assert second.cells[0].source == "# kept"
    assert second.cells[1:] == first.cells[1:]


@pytest.mark.parametrize("change", ["source", "settings", "damage"])
def test_it_asks_again_after_a_change(tmp_path: Path, asked: list[str], change: str) -> None:
    course = load_course(TinyCourse(tmp_path).root)
    first = released(course)
    source, config = tmp_path / "source/tiny/tiny.ipynb", tmp_path / "course_config.py"
    match change:
        case "source":
            source.write_text(source.read_text().replace("return", "return  "))
        case "settings":
            config.write_text(config.read_text() + "c.NbGraderPreprocessor.enabled = True\n")
        case "damage":
            (tmp_path / KEPT).write_text('{"key": 1')
    second = released(course)
    assert asked == ["once", "once"]
    assert second == first


def test_beside_a_preprocessor_of_its_own_nothing_is_kept(tmp_path: Path, asked: list[str]) -> None:
    kinds = ["nbgrader.preprocessors.ClearSolutions", "nbgrader.preprocessors.ClearHiddenTests"]
    config = f"c.GenerateAssignment.preprocessors = {kinds}\n"
    course = load_course(TinyCourse(tmp_path, config).root)
    assert released(course) == released(course)
    assert asked == ["once", "once"]
