"""What a person marks waits for one: tasks, and answers that stand below their prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autograder.autograde import gradebook
from autograder.autograde.grade import grade_class
from autograder.course import Course, load_course
from autograder.release.release import build
from tests.kept import grades
from tests.tiny_course import TinyCourse, cell, notebook, tiny_source

GRADERS = '''
from autograder.grading import expect_equal, graded


@graded("double_tests")
def test_two(student):
    """Doubles two."""
    expect_equal(student.double(2), 4, what="the double of two")


@graded("more_tests")
def test_three(student):
    """Doubles three."""
    expect_equal(student.double(3), 6, what="the double of three")


@graded("last_tests")
def test_one(student):
    """Doubles one."""
    expect_equal(student.double(1), 2, what="the double of one")
'''
WAITS, NOTHING, WHOLE = (None, None, True), (0.0, None, False), (1.0, None, False)


def source() -> dict[str, Any]:
    """Three items of one solution; and, by kind, all that a person marks."""
    double = {**tiny_source()["cells"][1], "id": "double"}
    region = "### BEGIN SOLUTION\nanswer\n### END SOLUTION"
    marked = {"grade": True, "solution": True, "points": 2}
    checks = {"grade": True, "locked": True, "points": 1}
    return notebook(
        double,
        cell("code", "double(2)", "double_tests", **checks),
        cell("code", "double(3)", "more_tests", **checks),
        cell("code", "double(1)", "last_tests", **checks),
        cell("markdown", "Sketch it.", "sketch", task=True, locked=True, points=3),
        cell("markdown", "Then more.", "free", task=True, locked=True, points=0),
        cell("code", region, "curve", **marked),
        cell("markdown", "In words:"),
        cell("markdown", region, "words", **marked),
        cell("markdown", "The end."),
    )


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    tiny = TinyCourse(tmp_path_factory.mktemp("course"))
    tiny.write("graders/tiny/test_tiny.py", GRADERS)
    tiny.write("source/tiny/tiny.ipynb", json.dumps(source()))
    course = load_course(tiny.root)
    build(course, "tiny")
    hand_in(tiny.root, "untouched", {})
    hand_in(tiny.root, "wrong", {"double": "def double(x):\n    return 2 if x == 1 else 5"})
    hand_in(tiny.root, "below", {}, curve=cell("code", "show()"), words=cell("markdown", "Words."))
    hand_in(
        tiny.root, "other", {}, curve=cell("markdown", "No idea."), words=cell("code", "# Words.")
    )
    tiny.write("submitted/damaged/tiny/tiny.ipynb", '{"nbformat": 4}')
    grade_class(course, "tiny")
    return course


def hand_in(root: Path, student: str, written: dict[str, str], **below: dict[str, Any]) -> None:
    data = json.loads((root / "release/tiny/tiny.ipynb").read_text())
    cells = []
    for entry in data["cells"]:
        grade_id = entry["metadata"].get("nbgrader", {}).get("grade_id")
        cells.append({**entry, "source": written.get(grade_id, entry["source"])})
        if grade_id in below:
            cells.append({**below[grade_id], "id": f"own-{grade_id}"})
    path = root / f"submitted/{student}/tiny/tiny.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**data, "cells": cells}))


def comments(course: Course, student: str) -> dict[str, str | None]:
    with gradebook.open_gradebook(course) as book:
        (row,) = book.find_submission("tiny", student).notebooks
        return {comment.name: comment.auto_comment for comment in row.comments}


def test_a_task_waits_whether_a_student_did_it_or_not(course: Course) -> None:
    for student in ("untouched", "wrong", "below", "other", "damaged"):
        marks = grades(course, student)
        assert (marks["sketch"], marks["free"]) == (WAITS, WAITS), student


def test_what_is_really_untouched_gets_its_zeros(course: Course) -> None:
    marks = grades(course, "untouched")
    assert (marks["curve"], marks["words"]) == (NOTHING, NOTHING)
    said = comments(course, "untouched")
    assert (said["curve"], said["words"]) == ("No response.", "No response.")
    assert said["sketch"] is None


@pytest.mark.parametrize("student", ["below", "other"])
def test_work_beside_an_untouched_cell_waits(student: str, course: Course) -> None:
    marks = grades(course, student)
    assert (marks["curve"], marks["words"]) == (WAITS, WAITS)
    said = comments(course, student)
    assert (said["curve"], said["words"]) == (None, None)


def test_the_hints_of_all_items_of_a_solution_stay(course: Course) -> None:
    """The last one passed, and a task comes after it; neither takes the others' hints away."""
    marks = grades(course, "wrong")
    assert [marks[f"{name}_tests"] for name in ("double", "more", "last")] == [
        NOTHING,
        NOTHING,
        WHOLE,
    ]
    text = comments(course, "wrong")["double"]
    assert text is not None
    assert "double of two" in text
    assert "double of three" in text
    assert "double of one" not in text


def test_after_a_failure_of_ours_everything_waits(course: Course) -> None:
    assert set(grades(course, "damaged").values()) == {WAITS}
