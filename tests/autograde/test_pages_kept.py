"""A page of feedback is made again when it would come out otherwise, and else left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.autograde import gradebook, pages_kept
from autograder.autograde.feedback import write_feedback
from autograder.autograde.grade import grade_class
from autograder.course import Course, load_course
from autograder.errors import KitError
from tests.tiny_course import TinyCourse

STUDENTS = ("ada", "bob")


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, released: Path) -> Course:
    tiny = TinyCourse(tmp_path_factory.mktemp("pages"), released=released)
    for student in STUDENTS:
        tiny.submission(student)
    course = load_course(tiny.root)
    grade_class(course, "tiny")
    return course


def page(course: Course, student: str) -> Path:
    return course.feedback(student, "tiny") / "tiny.html"


def made(course: Course, pattern: str = "*") -> list[str]:
    """Whose pages a command makes."""

    def times() -> list[int]:
        pages = (page(course, name) for name in STUDENTS)
        return [one.stat().st_mtime_ns if one.exists() else 0 for one in pages]

    before = times()
    write_feedback(course, "tiny", pattern)
    return [name for name, old, new in zip(STUDENTS, before, times(), strict=True) if old != new]


@pytest.fixture
def up_to_date(course: Course) -> Course:
    write_feedback(course, "tiny", "*")
    assert made(course) == []
    return course


def marked(course: Course) -> None:
    with gradebook.open_gradebook(course) as book:
        grade = book.find_grade("why", "tiny", "tiny", "ada")
        grade.manual_score = (grade.manual_score or 0) + 1
        book.db.commit()


def commented(course: Course) -> None:
    with gradebook.open_gradebook(course) as book:
        comment = book.find_comment("why", "tiny", "tiny", "ada")
        comment.manual_comment = (comment.manual_comment or "") + "Well said."
        book.db.commit()


def outputs_changed(course: Course) -> None:
    notebook = course.autograded("ada", "tiny") / "tiny.ipynb"
    notebook.chmod(0o644)
    notebook.write_text(notebook.read_text() + "\n")


def card_changed(course: Course) -> None:
    card = course.records / "scorecards" / "tiny" / "ada" / "tiny.json"
    card.write_text(card.read_text() + "\n")


def renamed(course: Course) -> None:  # nbgrader's exchange asks for a page of that name
    course.submitted("ada", "tiny").joinpath("more.ipynb").write_text("{}")


def taken_away(course: Course) -> None:
    page(course, "ada").unlink()


CHANGES = (marked, commented, outputs_changed, card_changed, renamed, taken_away)


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_page_shows_has_changed(
    up_to_date: Course, change: Callable[[Course], None]
) -> None:
    change(up_to_date)
    assert made(up_to_date, "b*") == []
    assert made(up_to_date) == ["ada"]
    assert made(up_to_date) == []


def test_the_course_or_the_kit_has_changed(
    up_to_date: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = up_to_date.root / "course_config.py"
    config.write_text(
        config.read_text() + "c.ClearSolutions.begin_solution_delimeter = 'BEGIN IT'\n"
    )
    assert made(load_course(up_to_date.root)) == list(STUDENTS)
    monkeypatch.setattr(pages_kept, "_ROOMS", ("report",))  # another kit
    assert made(load_course(up_to_date.root)) == list(STUDENTS)


def test_what_failed_is_made_again(up_to_date: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages of before are there when nbgrader stops in between."""
    marked(up_to_date)

    def stop(*_: object) -> None:
        raise KitError("stopped")

    monkeypatch.setattr("autograder.autograde.feedback.run_converter", stop)
    with pytest.raises(KitError):
        write_feedback(up_to_date, "tiny", "*")
    monkeypatch.undo()
    assert made(up_to_date) == ["ada"]


def test_nobody_of_that_name(course: Course) -> None:
    with pytest.raises(KitError, match="No notebooks were matched"):
        write_feedback(course, "tiny", "zoe")
