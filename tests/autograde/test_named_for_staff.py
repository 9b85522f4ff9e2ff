"""A class in which much is no notebook, or lies elsewhere: nobody gets a quiet zero, nobody is stopped."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from autograder.autograde import gradebook
from autograder.autograde.class_run import ClassRun
from autograder.autograde.grade import grade_class
from autograder.autograde.records import load_card
from autograder.course import Course
from autograder.scorecard import NotebookCard, Verdict
from tests.doors import autograder
from tests.tiny_course import RIGHT, TinyCourse, cell, notebook

GRADED = ("ada", "o'neil", "jose\u0301", "प्रिया", "runs", "many")
WRONG_PLACE = {
    "ana": "no folder tiny",
    "bo": "`Tiny`",
    "tiny": "turned round",
    "ed.ipynb": "nobody's",
}
NO_NOTEBOOK = {"html": "tiny.html", "link": "submission.txt", "needs": "`wandb`"}


def submit_a_class(tiny: TinyCourse) -> None:
    for student in GRADED[:4]:
        tiny.submission(student)
    tiny.submission("runs", {"double": "1"}, extra="%run helpers.ipynb")
    helper: Any = notebook(cell("code", RIGHT["double"]))
    tiny.write("submitted/runs/tiny/helpers.ipynb", json.dumps(helper))
    tiny.submission("many", {"double": "from utils import double"})
    tiny.write("submitted/many/tiny/utils.py", RIGHT["double"])
    for number in range(600):
        tiny.write(f"submitted/many/tiny/data/image-{number}.txt", str(number))
    tiny.write("submitted/many/tiny/essay.pdf", "%PDF")
    tiny.write("submitted/html/tiny/tiny.html", "<html></html>")
    tiny.write("submitted/link/tiny/submission.txt", "https://colab.example/drive/1AbC?usp=sharing")
    tiny.submission("needs", {"double": f"import wandb\n{RIGHT['double']}"})
    tiny.submission("newer", {"double": 'def double(x):\n    return [x + x, t"{x}"][0]'})
    text = json.dumps(tiny.handed_in({}))
    for place in ("ana/tiny.ipynb", "bo/Tiny/tiny.ipynb", "tiny/cy/tiny.ipynb", "ed.ipynb"):
        tiny.write(f"submitted/{place}", text)
    tiny.submission("a#b")


def card(course: Course, student: str) -> NotebookCard:
    found = load_card(course, "tiny", student)
    assert found is not None
    return found.notebooks[0]


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("student", GRADED)
def test_who_can_be_graded_is_graded(student: str, course: Course) -> None:
    found = load_card(course, "tiny", student)
    assert found is not None
    assert found.score == 7.0
    with gradebook.open_gradebook(course) as book:
        assert book.find_submission("tiny", student).score == 7.0


def test_who_cannot_be_graded_is_named_with_the_reason(run: ClassRun, course: Course) -> None:
    expected = {**WRONG_PLACE, **NO_NOTEBOOK, "a#b": "`#` (U+0023)"}
    assert sorted(run.reasons) == sorted(expected)
    for student, word in expected.items():
        assert word in run.reasons[student][0]
    for student in ("html", "link"):
        verdicts = {item.verdict for item in card(course, student).items if not item.manual}
        assert verdicts == {Verdict.UNGRADED}


@pytest.mark.usefixtures("run")
def test_only_what_needed_the_package_waits(course: Course) -> None:
    scores = {item.grade_id: item.score for item in card(course, "needs").items}
    assert scores == {"double_tests": None, "mean_tests": 4.0, "why": None}


@pytest.mark.usefixtures("run")
def test_what_was_handed_in_and_not_used_is_on_the_card(course: Course) -> None:
    repairs = "; ".join(card(course, "many").repairs)
    assert "102 files did not lie beside the notebook when it ran: data/image-" in repairs
    assert "handed in, and not looked at: essay.pdf" in repairs
    assert card(course, "ada").repairs == ()


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="no newer syntax is known")
def test_a_newer_python_is_named_to_both_sides(run: ClassRun, course: Course) -> None:
    newer = card(course, "newer")
    assert "a cell is written for Python 3.14 or newer" in newer.repairs[0]
    assert "That cell needs Python 3.14 or newer" in newer.items[0].hint
    assert any("Python 3.14" in note and note.endswith("(newer)") for note in run.notes)
    shown = load_card(course, "tiny", "newer")
    assert shown is not None
    assert shown.for_student().staff_notes == []


@pytest.mark.usefixtures("run")
def test_the_command_ends_with_exit_code_3_and_stops_nobody(course: Course) -> None:
    result = autograder(course.root, "grade", "tiny", "--quiet", code=3)
    assert "bo needs staff: submitted/bo holds a folder `Tiny`" in result.output
    assert "html needs staff: tiny: tiny.ipynb is not there, but tiny.html is" in result.output
    assert "7 unchanged" in result.output
    autograder(course.root, "grade", "tiny", "--quiet", "--student", "ada")


@pytest.mark.usefixtures("run")
def test_where_all_lie_in_the_wrong_place_that_is_said(course: Course) -> None:
    run = grade_class(course, "tiny", "ana")
    assert list(run.reasons) == ["ana"]
