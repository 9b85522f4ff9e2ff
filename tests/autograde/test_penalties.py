"""Late penalties: one mark, whatever came first, the penalty or a person's mark; and what an export shows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from nbgrader.converters import GenerateFeedback
from traitlets.utils.importstring import import_item

from autograder.autograde import gradebook
from autograder.autograde.grade import grade_class
from autograder.course import Course, load_course
from autograder.course.converters import run_converter
from tests.doors import autograder
from tests.tiny_course import TinyCourse

DUE = datetime(2026, 7, 1, 18)
ZERO = 'c.LateSubmissionPlugin.penalty_method = "zero"\n'
STUDENTS = ("ada", "bob", "cem")
FIVE_BY_THE_JUDGE = {"double": "def double(x):\n    return 2 * abs(x)"}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory, released: Path) -> TinyCourse:
    """Ada and Bob are an hour and a half late, Cem's time cannot be read: 5 points each by the judge."""
    tiny = TinyCourse(tmp_path_factory.mktemp("late"), released=released)
    tiny.configure(ZERO)
    for student in STUDENTS:
        tiny.submission(student, FIVE_BY_THE_JUDGE)
        tiny.write(f"submitted/{student}/tiny/timestamp.txt", "2026-07-01 21:30:00 CEST")
    tiny.write("submitted/cem/tiny/timestamp.txt", "01/07/2026 21:30")
    with gradebook.open_gradebook(load_course(tiny.root)) as book:
        book.update_or_create_assignment("tiny", duedate=DUE)
    grade_class(load_course(tiny.root), "tiny")
    return tiny


@pytest.fixture
def course(graded: TinyCourse) -> Course:
    """The class after a run of the grader, before anybody has marked by hand."""
    graded.configure(ZERO)
    with gradebook.open_gradebook(load_course(graded.root)) as book:
        for student in STUDENTS:
            grade = book.find_grade("why", "tiny", "tiny", student)
            grade.manual_score, grade.needs_manual_grade = None, True
            book.find_submission("tiny", student).extension = None
        book.find_assignment("tiny").duedate = DUE
        book.db.commit()
    course = load_course(graded.root)
    grade_class(course, "tiny")
    return course


def marked_by_hand(course: Course) -> None:
    """As the formgrader does it: nbgrader's own gradebook, and nothing of ours."""
    with Gradebook(course.config.CourseDirectory.db_url) as book:
        for student in STUDENTS:
            grade = book.find_grade("why", "tiny", "tiny", student)
            grade.manual_score, grade.needs_manual_grade = 5, False
        book.db.commit()


def mark(course: Course, student: str) -> tuple[float, float]:
    """What a submission has, and what is taken off."""
    with gradebook.open_gradebook(course) as book:
        submission = book.find_submission("tiny", student)
        return submission.score, submission.late_submission_penalty


def nbgrader_export(course: Course) -> str:
    """`nbgrader export`, with the plugin that the configuration names."""
    to = course.root / "grades.csv"
    plugin = import_item(course.config.ExportApp.plugin_class)(config=course.config)
    plugin.to = str(to)
    with Gradebook(course.config.CourseDirectory.db_url) as book:
        plugin.export(book)
    return to.read_text()


DOORS: dict[str, Callable[[Course], Any]] = {
    "grade": lambda course: autograder(course.root, "grade", "tiny"),
    "grade --quiet": lambda course: autograder(course.root, "grade", "tiny", "--quiet"),
    "grade --regrade": lambda course: autograder(
        course.root, "grade", "tiny", "--quiet", "--regrade"
    ),
    "feedback": lambda course: autograder(course.root, "feedback", "tiny"),
    "export": lambda course: autograder(course.root, "export", "tiny"),
    "nbgrader export": nbgrader_export,
    "nbgrader generate_feedback": lambda course: run_converter(course, "tiny", GenerateFeedback),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_mark_given_by_hand_after_the_penalty_is_late_as_well(door: str, course: Course) -> None:
    assert mark(course, "ada") == (5, 5)
    marked_by_hand(course)
    assert mark(course, "ada") == (10, 5), "nbgrader's own answer, which is not the policy's"
    DOORS[door](course)
    assert mark(course, "ada") == (10, 10)
    assert mark(course, "cem") == (10, 0), "nobody can say that it is late"


def test_after_a_regrade_no_page_says_that_what_is_marked_waits(course: Course) -> None:
    """nbgrader has a person look at such a mark again; it counts as it stands, here and in exports."""
    page = course.feedback("ada", "tiny") / "tiny.html"
    autograder(course.root, "feedback", "tiny")
    assert "Waiting for a person" in page.read_text()
    marked_by_hand(course)
    autograder(course.root, "grade", "tiny", "--quiet", "--regrade")
    autograder(course.root, "feedback", "tiny")
    assert "Waiting for a person" not in page.read_text()
    assert "still open" not in page.read_text()


def test_what_people_and_platforms_read_is_that_mark(course: Course) -> None:
    marked_by_hand(course)
    rows = list(csv.DictReader(io.StringIO(nbgrader_export(course))))
    shown = {row["student_id"]: (row["late_submission_penalty"], row["score"]) for row in rows}
    assert shown == {"ada": ("10.0", "0.0"), "bob": ("10.0", "0.0"), "cem": ("0.0", "10.0")}
    run_converter(course, "tiny", GenerateFeedback)
    page = (course.root / "feedback/ada/tiny/tiny.html").read_text()
    assert "10 points were taken off" in page
    assert "taken off" not in (course.root / "feedback/cem/tiny/tiny.html").read_text()
    table = autograder(course.root, "grade", "tiny").stdout
    assert "−10" in table


def test_an_extension_takes_a_penalty_back_and_gives_it_again(course: Course) -> None:
    for extension, penalty in ((timedelta(hours=2), 0), (timedelta(hours=1), 5)):
        with gradebook.open_gradebook(course) as book:
            book.find_submission("tiny", "ada").extension = extension
            book.db.commit()
        exported = exported_json(course)["ada"]
        assert exported["late_penalty"] == penalty
        assert exported["extension_s"] == extension.total_seconds()
        assert exported["seconds_late"] == max(0, 5400 - extension.total_seconds())
        assert mark(course, "ada") == (5, penalty)
    assert mark(course, "bob") == (5, 5)


def test_what_is_never_due_is_never_late_whatever_extension_there_is(course: Course) -> None:
    with gradebook.open_gradebook(course) as book:
        book.find_assignment("tiny").duedate = None
        book.find_submission("tiny", "ada").extension = timedelta(hours=2)
        book.db.commit()
    assert exported_json(course)["ada"]["late_penalty"] == 0
    assert mark(course, "ada") == mark(course, "bob") == (5, 0)
    autograder(course.root, "grade", "tiny")


POLICY = """
from nbgrader.plugins import BasePlugin

class Moody(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return {} if student_id == "ada" else 2
"""
MOODY = """
import sys
sys.path.insert(0, str(__import__("pathlib").Path(__file__).resolve().parent))
c.AssignLatePenalties.plugin_class = "{}.Moody"
"""


@pytest.mark.parametrize(
    ("name", "gives", "why"),
    [
        ("raising", "1 / 0", "ZeroDivisionError: division by zero"),
        ("no_number", "float('nan')", "it gave nan"),
        ("a_text", "'much'", "TypeError"),
    ],
)
def test_a_policy_that_fails_for_one_is_named_and_stops_nobody(
    name: str, gives: str, why: str, graded: TinyCourse, course: Course
) -> None:
    said = f"the late policy Moody gave no penalty: {why}"
    graded.write(f"{name}.py", POLICY.format(gives))
    graded.configure(MOODY.format(name))
    course = load_course(graded.root)
    done = autograder(course.root, "export", "tiny")
    assert f"ada: {said}" in done.stderr
    assert mark(course, "bob") == (5, 2)
    done = autograder(course.root, "feedback", "tiny", code=2)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert "2 points were taken off" in (course.root / "feedback/bob/tiny/tiny.html").read_text()
    assert not (course.root / "feedback/ada/tiny/tiny.html").exists()
    assert nbgrader_export(course).count("\n") == 1 + len(STUDENTS)
    done = autograder(course.root, "grade", "tiny", code=3)  # finished, and staff must look
    assert "ada needs staff" in done.stderr
    assert said in done.stderr
    assert mark(course, "bob") == (5, 2)
    assert mark(course, "cem") == (5, 0)


def exported_json(course: Course) -> dict[str, dict[str, Any]]:
    data = json.loads(autograder(course.root, "export", "tiny", "--format", "json").stdout)
    assert data["version"] == 2
    return {entry["student"]: entry for entry in data["submissions"]}


def test_the_lines_of_a_submission_add_up_to_the_mark_that_counts(course: Course) -> None:
    marked_by_hand(course)
    done = autograder(course.root, "export", "tiny")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    for student, total in (("ada", "0"), ("cem", "10")):
        own = [row for row in rows if row["student"] == student]
        assert {row["submission_score"] for row in own} == {total}
        assert sum(float(row["score"]) for row in own) == float(total)
    (penalty,) = (row for row in rows if row["student"] == "ada" and row["state"] == "penalty")
    assert (penalty["score"], penalty["max_score"], penalty["grade_id"]) == ("-10", "0", "")
    assert (penalty["submitted"], penalty["seconds_late"]) == ("2026-07-01T19:30:00Z", "5400")
    assert {row["submitted"] for row in rows if row["student"] == "cem"} == {"unreadable"}
    assert "Note for staff: submitted/cem/tiny/timestamp.txt says" in done.stderr


def test_a_mark_that_is_open_leaves_the_mark_so_far(course: Course) -> None:
    ada, cem = (exported_json(course)[student] for student in ("ada", "cem"))
    assert (ada["score"], ada["raw_score"], ada["late_penalty"], ada["max_score"]) == (0, 5, 5, 12)
    assert ada["complete"] is False
    assert (ada["submitted"], ada["seconds_late"]) == ("2026-07-01T19:30:00Z", 5400)
    assert (cem["score"], cem["late_penalty"], cem["submitted"]) == (5, 0, None)
    (reason,) = cem["reasons"]
    assert reason.startswith("submitted/cem/tiny/timestamp.txt says '01/07/2026 21:30', which")
    rows = list(csv.DictReader(io.StringIO(autograder(course.root, "export", "tiny").stdout)))
    assert {row["score"] for row in rows if row["state"] == "manual"} == {""}
    marked_by_hand(course)
    assert exported_json(course)["ada"]["complete"] is True
