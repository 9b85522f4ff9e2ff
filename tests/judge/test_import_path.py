"""No file of a student's is imported outside of the box, wherever the command is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import autograder
from autograder.course import find_course
from autograder.errors import KitError
from tests.tiny_course import TinyCourse

# Modules that Python itself, multiprocessing, and the kit import early on.
NAMES = ("torch", "numpy", "selectors", "signal", "threading", "pytest", "click", "safetensors")


@pytest.fixture
def tiny(tmp_path: Path, released: Path) -> TinyCourse:
    made = TinyCourse(tmp_path / "course", released=released)
    folder = made.submission("mallory").parent
    for name in NAMES:
        text = f"open({str(made.root / 'ran')!r}, 'a').write({name!r})\nraise SystemExit(9)\n"
        (folder / f"{name}.py").write_text(text)
    (folder / "course_config.py").write_text(f"open({str(made.root / 'ran')!r}, 'w')")
    return made


def autograder_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kit = Path(autograder.__file__).parents[1]
    script = f"from autograder.cli import main; main({[*arguments]!r})"
    return (
        subprocess.run(  # as the console script, whose own folder comes first, not the current one
            [sys.executable, "-P", "-c", script],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(kit)},
            capture_output=True,
            text=True,
            check=False,
        )
    )


def test_modules_and_a_configuration_in_the_current_folder_are_not_the_judges(
    tiny: TinyCourse,
) -> None:
    folder = tiny.root / "submitted/mallory/tiny"
    done = autograder_in(folder, "score", ".", "--json", str(tiny.root / "card.json"))
    assert not (tiny.root / "ran").exists()
    card = json.loads((tiny.root / "card.json").read_text())
    items = {item["grade_id"]: item for item in card["notebooks"][0]["items"]}
    # In the box they are the student's own, and there they break what she imports.
    assert items["double_tests"]["verdict"] in ("passed", "raised", "limit"), done.stderr


def test_nor_by_python_dash_m(tiny: TinyCourse) -> None:
    kit = Path(autograder.__file__).parents[1]
    folder = tiny.root / "submitted/mallory/tiny"
    for name in (
        "torch",
        "numpy",
        "selectors",
        "pytest",
    ):  # Python itself has not looked for these yet
        assert (folder / f"{name}.py").exists()
    for name in ("signal", "threading"):
        (folder / f"{name}.py").unlink()
    done = subprocess.run(
        [sys.executable, "-m", "autograder", "score", "."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(kit)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not (tiny.root / "ran").exists(), done.stderr


def test_a_configuration_that_was_handed_in_is_not_the_courses(tiny: TinyCourse) -> None:
    assert find_course(tiny.root / "submitted/mallory/tiny") == tiny.root
    for place in ("autograded", "feedback", "downloaded"):
        inner = tiny.root / place / "mallory"
        inner.mkdir(parents=True)
        (inner / "course_config.py").touch()
        assert find_course(inner) == tiny.root


def test_nor_where_there_is_no_course_but_that_one(tmp_path: Path) -> None:
    (tmp_path / "course_config.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (tmp_path / "tiny.ipynb").touch()
    for what in (".", "tiny.ipynb"):
        done = autograder_in(tmp_path, "score", what)
        assert done.returncode == 2
        assert "lies in what is to be judged" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_a_course_of_ones_own_inside_another_is_found(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "courses" / "mine"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "course_config.py").touch()
    assert find_course(tmp_path / "courses" / "mine") == tmp_path / "courses" / "mine"
    with pytest.raises(KitError):
        find_course(Path("/nowhere"))
