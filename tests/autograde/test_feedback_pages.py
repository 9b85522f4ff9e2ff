"""The pages of a class: one for all that a student handed in, also where that is nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autograder.autograde import gradebook
from autograder.autograde.feedback import write_feedback
from autograder.autograde.grade import grade_class
from autograder.course import Course, load_course
from tests.tiny_course import TinyCourse


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, released: Path) -> Course:
    tiny = TinyCourse(tmp_path_factory.mktemp("pages") / "course", released=released)
    tiny.submission("ada")
    tiny.submission("ben", {"double": "def double(x):\n    return abs(2 * x)"})
    tiny.write("submitted/ben/tiny/notes.txt", "mine")
    tiny.write("submitted/noor/tiny/timestamp.txt", "2026-07-01 21:30:00 UTC")
    tiny.write("submitted/kirra/tiny/tiny.ipynb", '{"cells": [')
    course = load_course(tiny.root)
    grade_class(course, "tiny")
    with gradebook.entry(course) as writing:
        writing.book.find_grade("why", "tiny", "tiny", "ada").manual_score = 5.0
    write_feedback(course, "tiny", "*")
    return course


def files(course: Course, student: str) -> set[str]:
    return {path.name for path in course.feedback(student, "tiny").iterdir()}


def overview(course: Course, student: str) -> str:
    return (course.feedback(student, "tiny") / "index.html").read_text()


def test_there_are_pages_and_what_the_exchange_needs_and_nothing_else(course: Course) -> None:
    assert files(course, "ada") == files(course, "ben") == {"index.html", "tiny.html"}
    assert files(course, "noor") == {"index.html", "timestamp.txt"}


def test_the_overview_has_the_marks_of_the_gradebook(course: Course) -> None:
    assert "<strong>12</strong> of 12 points" in overview(course, "ada")
    assert "Every point there is" in overview(course, "ada")
    assert "<strong>5</strong> of 12 points" in overview(course, "ben")
    assert "5 points are still open" in overview(course, "ben")
    assert '<a href="tiny.html#item-1">double</a>' in overview(course, "ben")
    page = (course.feedback("ben", "tiny") / "tiny.html").read_text()
    assert 'id="item-1" aria-label="Result of double"' in page
    assert '<a href="index.html">All of tiny</a>' in page


def test_nothing_handed_in_and_nothing_that_can_be_read_are_two_things(course: Course) -> None:
    assert "There is no notebook of this assignment in your submission" in overview(course, "noor")
    assert "<strong>0</strong> of 12" in overview(course, "noor")
    assert "Your file tiny.ipynb could not be read" in overview(course, "kirra")
    page = (course.feedback("kirra", "tiny") / "tiny.html").read_text()
    assert "Ask the student" not in page + overview(course, "kirra"), "that is for staff"
    assert "no zero" in page


def test_a_class_of_empty_folders_has_pages_too(course: Course) -> None:
    shutil.rmtree(course.feedback("noor", "tiny"))
    write_feedback(course, "tiny", "noor")
    assert files(course, "noor") == {"index.html", "timestamp.txt"}
