"""A course of one tiny assignment, far from the shape of the one that ships with the kit."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.judge.job import Job

CONFIG = """
from autograder.nbgrader_plugin import configure

c = get_config()
configure(c, __file__)
c.CourseDirectory.course_id = "tiny-course"
c.CourseSettings.graders_directory = "graders"
c.BoxSettings.cell_wall_s = 4.0
c.BoxSettings.probe_wall_s = 4.0
c.BoxSettings.notebook_wall_s = 120.0
"""

GRADERS = '''
"""Hidden tests of the tiny assignment."""

from autograder.grading import expect_close, graded, probe


@graded("double_tests")
def test_double_of_numbers(student, challenge):
    """Doubles numbers.

    Is every number multiplied by two?
    """
    numbers = challenge.rng.integers(1, 1000, size=5).tolist()
    expect_close([student.double(number) for number in numbers], [2 * n for n in numbers])


@graded("double_tests", weight=2)
def test_double_of_negative_numbers(student, challenge):
    """Doubles negative numbers, too."""
    number = -int(challenge.rng.integers(1, 1000))
    expect_close(student.double(number), 2 * number)


@probe
def mean_of(mean, numbers):
    return {"mean": mean(numbers)}


@graded("mean_tests")
def test_mean(student, challenge):
    """The mean of a list."""
    numbers = challenge.rng.random(7).tolist()
    expect_close(student.run(mean_of, numbers=numbers)["mean"], sum(numbers) / 7)
'''

RIGHT = {
    "double": "def double(x):\n    return x + x",
    "mean": "def mean(numbers):\n    return sum(numbers) / len(numbers)",
    "why": "Because a mean weighs all alike.",
}


def cell(kind: str, source: str, grade_id: str = "", **about: Any) -> dict[str, Any]:
    """A notebook's cell as it is in a file."""
    metadata: dict[str, Any] = {}
    if grade_id:
        standard = {"schema_version": 3, "grade": False, "solution": False, "locked": False}
        metadata["nbgrader"] = {**standard, "task": False, "grade_id": grade_id, **about}
    made: dict[str, Any] = {"cell_type": kind, "metadata": metadata, "source": source}
    if kind == "code":
        made.update(outputs=[], execution_count=None)
    return made


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    """A notebook as it is in a file."""
    with_ids = [{**made, "id": made.get("id", f"id-{n}")} for n, made in enumerate(cells)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel},
        "cells": with_ids,
    }


def _solution(text: str) -> str:
    head, _, body = text.partition("\n")
    return f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"


def tiny_source() -> dict[str, Any]:
    """The assignment's source notebook: two functions of 3 and 4 points, a written answer of 5."""
    return notebook(
        cell("markdown", "# A tiny assignment"),
        cell("code", _solution(RIGHT["double"]), "double", solution=True),
        cell("code", "double(2)", "double_tests", grade=True, locked=True, points=3),
        cell("code", _solution(RIGHT["mean"]), "mean", solution=True),
        cell("code", "mean([1, 2])", "mean_tests", grade=True, locked=True, points=4),
        cell("markdown", "Why?", "rule", locked=True),
        cell("markdown", "Your answer", "why", grade=True, solution=True, points=5),
    )


class TinyCourse:
    """A tiny course on disk, and submissions for it."""

    config = CONFIG

    def __init__(self, root: Path, config: str = "", released: Path | None = None) -> None:
        """Make the course, or take over a copy of one that has been released."""
        self.root = root
        if released is not None:
            shutil.copytree(released, root, dirs_exist_ok=True)
            return
        self.config = CONFIG + textwrap.dedent(config)
        self.write("course_config.py", self.config)
        self.write("nbgrader_config.py", 'load_subconfig("course_config.py")\n')
        self.write("graders/tiny/test_tiny.py", GRADERS)
        self.write("source/tiny/tiny.ipynb", json.dumps(tiny_source()))

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def configure(self, more: str) -> None:
        """Write the configuration anew, with this at its end."""
        self.write("course_config.py", f"{self.config}\n{more}\n")

    def job(self, student: str = "ada") -> Job:
        """What is judged of a submission, in the course as it is now."""
        from autograder.course import load_course
        from autograder.judge.submission import read_submission

        course = load_course(self.root)
        folder = course.submitted(student, "tiny")
        return read_submission(course, "tiny", student, folder).jobs["tiny"]

    def submission(self, student: str, cells: Mapping[str, str] | None = None, **more: Any) -> Path:
        """A submission: the released notebook with these cells' sources, right ones by default."""
        return self.write(
            f"submitted/{student}/tiny/tiny.ipynb",
            json.dumps(self.handed_in(cells or {}, **more)),
        )

    def handed_in(self, cells: Mapping[str, str], extra: str = "") -> dict[str, Any]:
        """What `submission` writes; `extra` is a code cell of the student's own, put first."""
        released = json.loads((self.root / "release/tiny/tiny.ipynb").read_text())
        written = {**RIGHT, **cells}
        for entry in released["cells"]:
            grade_id = entry["metadata"].get("nbgrader", {}).get("grade_id")
            if grade_id in written:
                entry["source"] = written[grade_id]
        if extra:
            released["cells"].insert(0, {**cell("code", extra), "id": "extra"})
        return dict(released)
