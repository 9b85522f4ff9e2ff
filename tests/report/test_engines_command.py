"""`score --as`: which files are there afterwards, and what is refused before anything is judged."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from autograder.autograde import score
from autograder.errors import KitError
from autograder.scorecard import Scorecard
from tests.doors import autograder
from tests.report.test_engines import MIXED, NOTHING, RIGHT, RULES, RUNNER, UNGRADED

ROOT = Path(__file__).parent.parent.parent


class Course:
    """A course in which every submission gets the same card, or none."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (root / "course_config.py").write_bytes((ROOT / "course_config.py").read_bytes())
        (root / "submission").mkdir()
        self.root, self.card, self.judged = root, RIGHT, 0
        self.broken = False
        monkeypatch.setattr(score, "score_path", self._judge)

    def _judge(self, *_: Any) -> Scorecard:
        self.judged += 1
        if self.broken:
            raise KitError("no box here")
        return self.card

    def score(self, *arguments: str | Path, code: int) -> Result:
        asked = ["score", self.root / "submission", "--assignment", "vgg16", *arguments]
        return autograder(self.root, *asked, code=code)


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    for name in RUNNER:
        monkeypatch.delenv(name, raising=False)
    return Course(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("card", "code"), [(RIGHT, 0), (MIXED, 1), (UNGRADED, 3), (NOTHING, 3)], ids=str
)
def test_every_engine_has_its_file_at_once_or_none(
    course: Course, monkeypatch: pytest.MonkeyPatch, card: Scorecard, code: int
) -> None:
    for name, value in RUNNER.items():
        monkeypatch.setenv(name, value)
    course.card = card
    files = {name: course.root / f"{name}.out" for name in RULES}
    for file in files.values():
        file.write_text("of an earlier submission")
    asked = [word for name, file in files.items() for word in ("--as", name, file)]
    course.score(*asked, code=code)
    for name, file in files.items():
        if name == "classroom50" and code == 3:
            assert not file.exists()
        else:
            RULES[name](file.read_text(encoding="utf-8"))


def test_where_nothing_was_judged_no_earlier_file_stands_for_it(course: Course) -> None:
    file = course.root / "junit.xml"
    file.write_text("of an earlier submission")
    course.broken = True
    course.score("--as", "junit", file, code=2)
    assert not file.exists()


def test_what_classroom50_does_not_say_is_named_before_anything_is_judged(course: Course) -> None:
    done = course.score("--as", "classroom50", course.root / "result.json", code=2)
    for name in RUNNER:
        assert name in done.stderr
    assert course.judged == 0


def test_what_is_no_file_is_left_alone(course: Course) -> None:
    """Root could remove /dev/stdout."""
    pipe = course.root / "pipe"
    os.mkfifo(pipe)
    done = course.score("--as", "junit", pipe, code=2)
    assert "is no ordinary file" in done.stderr
    assert pipe.exists()
    assert course.judged == 0
