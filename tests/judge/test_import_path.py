"""No file of a student's is imported outside of the box, wherever the command is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import autograder
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


def python_in(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(autograder.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )


def autograder_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As the console script, whose own folder comes first, not the current one."""
    script = f"from autograder.cli import main; main({[*arguments]!r})"
    return python_in(folder, "-P", "-c", script)


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
    folder = tiny.root / "submitted/mallory/tiny"
    not_yet_looked_for = ("torch", "numpy", "selectors", "pytest")  # by Python itself
    assert all((folder / f"{name}.py").exists() for name in not_yet_looked_for)
    for name in ("signal", "threading"):
        (folder / f"{name}.py").unlink()
    done = python_in(folder, "-m", "autograder", "score", ".")
    assert not (tiny.root / "ran").exists(), done.stderr


def test_a_configuration_that_was_handed_in_is_not_run_where_there_is_no_other(
    tmp_path: Path,
) -> None:
    (tmp_path / "course_config.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (tmp_path / "tiny.ipynb").touch()
    for what in (".", "tiny.ipynb"):
        done = autograder_in(tmp_path, "score", what)
        assert done.returncode == 2
        assert "lies in what is to be judged" in done.stderr
    assert not (tmp_path / "ran").exists()
