"""Notebooks with written answers alone, with tasks alone, and to read: nothing is asked of them in vain."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from autograder import doctor
from autograder.autograde import gradebook
from autograder.autograde.feedback import write_feedback
from autograder.autograde.grade import grade_class
from autograder.autograde.score import score_path
from autograder.course import load_course
from autograder.errors import KitError
from autograder.release.release import build, release
from autograder.report.table import to_csv
from tests.release.gate_plants import CONTRACT, gated_course
from tests.release.test_gate import seen
from tests.tiny_course import TinyCourse, cell, notebook

ESSAY = cell("markdown", "### BEGIN SOLUTION\nBecause.\n### END SOLUTION", "essay", grade=True, solution=True, points=3)  # fmt: skip
TASK = cell("markdown", "Sketch it below.", "sketch", task=True, locked=True, points=3)
CODE = cell("code", "### BEGIN SOLUTION\ndraw()\n### END SOLUTION", "drawn", grade=True, solution=True, points=3)  # fmt: skip
READ = cell("markdown", "# Read this first")


@pytest.fixture
def tiny(tmp_path: Path) -> TinyCourse:
    return gated_course(tmp_path)


def add(tiny: TinyCourse, name: str, *cells: dict[str, Any], kernel: bool = True) -> None:
    data = notebook(*cells)
    if not kernel:
        data["metadata"] = {}
    tiny.write(f"source/tiny/{name}.ipynb", json.dumps(data))


@pytest.mark.parametrize("marked", [ESSAY, TASK, CODE], ids=["words", "a task", "code"])
def test_what_a_person_marks_needs_no_hidden_tests(
    marked: dict[str, Any], tiny: TinyCourse
) -> None:
    add(tiny, "more", READ, marked)
    grade_id = marked["metadata"]["nbgrader"]["grade_id"]
    extra = f"\n[written.more]\n{grade_id} = 3\n"
    tiny.write("graders/tiny/contract.toml", CONTRACT.replace("12", "15") + extra)
    assert seen(tiny) == []


def test_but_the_contract_holds_it_and_what_the_judge_marks_needs_them(tiny: TinyCourse) -> None:
    add(tiny, "more", READ, ESSAY)
    (tiny.root / "graders/tiny/test_tiny.py").unlink()
    told = [(refusal.place, refusal.what) for refusal in seen(tiny)]
    assert ("more", "contract.toml does not know this notebook.") in told
    assert ("tiny", "it has no hidden tests.") in told
    assert ("more", "it has no hidden tests.") not in told


def test_a_hidden_test_of_what_a_person_marks_is_refused(tiny: TinyCourse) -> None:
    add(tiny, "more", READ, TASK)
    extra = "\n[written.more]\nsketch = 3\n"
    tiny.write("graders/tiny/contract.toml", CONTRACT.replace("12", "15") + extra)
    text = "from autograder.grading import graded\n\n\n@graded('sketch')\ndef test_it(student):\n    pass\n"
    tiny.write("graders/tiny/test_more.py", text)
    (refusal,) = seen(tiny)
    assert "which a person marks" in refusal.what


@pytest.mark.parametrize("kernel", [True, False], ids=["with a kernel", "without"])
def test_a_notebook_to_read_needs_nothing(kernel: bool, tiny: TinyCourse) -> None:
    add(tiny, "0_reading", READ, kernel=kernel)
    assert seen(tiny) == []


def test_but_one_with_code_needs_a_kernel(tiny: TinyCourse) -> None:
    add(tiny, "0_reading", READ, cell("code", "print(1)"), kernel=False)
    assert {refusal.place for refusal in seen(tiny)} == {"0_reading"}
    assert all("no kernelspec" in refusal.what for refusal in seen(tiny))


def test_an_assignment_to_read_goes_the_whole_way(tmp_path: Path) -> None:
    """No hidden tests, no contract, not even a folder for them."""
    tiny = TinyCourse(tmp_path)
    shutil.rmtree(tiny.root / "graders")
    (tiny.root / "source/tiny/tiny.ipynb").unlink()
    add(tiny, "0_reading", READ, kernel=False)
    course = load_course(tiny.root)
    release(course, "tiny")
    handed_in = tiny.root / "submitted/ada/tiny"
    shutil.copytree(course.release("tiny"), handed_in)
    run = grade_class(course, "tiny")
    assert (run.graded, run.reasons) == (["ada"], {})
    assert run.cards[0].items == []
    write_feedback(course, "tiny", "*")
    assert "Read this first" in (tiny.root / "feedback/ada/tiny/0_reading.html").read_text()
    assert len(to_csv(run.cards, gradebook.marks(course, "tiny")).splitlines()) == 1, "its head"
    assert score_path(course, "tiny", handed_in, "ada").reasons == []
    about = {finding.what: finding for finding in doctor.examine(course.root)}
    assert about["tiny"].good, about["tiny"].text


def test_what_came_or_changed_after_the_release_is_named(tiny: TinyCourse) -> None:
    course = load_course(tiny.root)
    add(tiny, "more", READ, TASK)
    build(course, "tiny")
    gradebook.check_released(course, "tiny", course.notebooks("tiny"))
    add(tiny, "0_reading", READ)
    with pytest.raises(
        KitError, match=r"tiny/0_reading\.ipynb is not among the notebooks that were"
    ):
        gradebook.check_released(course, "tiny", course.notebooks("tiny"))
    (tiny.root / "source/tiny/0_reading.ipynb").unlink()
    task = json.loads(json.dumps(TASK))
    task["metadata"]["nbgrader"]["points"] = 4
    add(tiny, "more", READ, task)
    with pytest.raises(KitError, match="sketch differ in the gradebook"):
        gradebook.check_released(course, "tiny", course.notebooks("tiny"))
