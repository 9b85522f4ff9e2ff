"""A class of damaged submissions, graded in the real box; and what is handed in after them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from autograder.autograde import gradebook
from autograder.autograde.class_run import ClassRun
from autograder.autograde.grade import grade_class
from autograder.autograde.records import load_card
from autograder.autograde.score import score_path
from autograder.course import Course
from tests import damages
from tests.damages import Change
from tests.kept import automatic, mark
from tests.tiny_course import RIGHT, TinyCourse

FULL = {"double_tests": 3.0, "mean_tests": 4.0, "why": None}
NONE = {"double_tests": None, "mean_tests": None, "why": None}

IN_THE_NOTEBOOK: dict[str, tuple[Change, str]] = {
    "ada": (damages.copied_and_the_copy_is_a_stub, "stub of `double` stood below a cell"),
    "bob": (damages.all_is_lost_but_the_text, "`double` had lost its id"),
    "cem": (damages.merged_into_a_locked_cell, "written in `double_tests` was kept"),
    "dee": (damages.copied_split_and_stripped, "`bonus` is none of the assignment's"),
    "eli": (damages.answer_written_below_its_cell, "`why` was put together"),
}


def damaged(tiny: TinyCourse, student: str, change: Change) -> Path:
    path = tiny.submission(student)
    data: dict[str, Any] = json.loads(path.read_text())
    for entry in data["cells"]:  # nbgrader has written them as lists of lines
        entry["source"] = "".join(entry["source"])
    change(data)
    path.write_text(json.dumps(data))
    return path


def submit_a_class(tiny: TinyCourse) -> None:
    for student, (change, _) in IN_THE_NOTEBOOK.items():
        damaged(tiny, student, change)
    # fay: in a subfolder, with a module of her own beside it, and what a Mac adds.
    path = tiny.submission("fay", {"double": "from mine import double"})
    (path.parent / "hw 1").mkdir()
    path.rename(path.parent / "hw 1" / "Copy of tiny.ipynb")
    tiny.write("submitted/fay/tiny/hw 1/mine.py", RIGHT["double"])
    tiny.write("submitted/fay/tiny/__MACOSX/hw 1/._Copy of tiny.ipynb", "\0\5\26\7")
    # gus: the release under its name, the work in the copy. hal: two that could be it. ida: a zip.
    stub = tiny.submission("gus")
    shutil.copy(stub, stub.with_name("Copy of tiny.ipynb"))
    shutil.copy(tiny.root / "release/tiny/tiny.ipynb", stub)
    one = tiny.submission("hal")
    one.rename(one.with_name("tiny (1).ipynb"))
    two = tiny.submission("hal", {"mean": "mean = 0"})
    two.rename(two.with_name("tiny (2).ipynb"))
    tiny.write("submitted/ida/tiny/homework.zip", "PK")
    tiny.submission("joe")


def repairs(course: Course, student: str) -> str:
    card = load_card(course, "tiny", student)
    assert card is not None
    return "; ".join(card.notebooks[0].repairs)


@pytest.mark.parametrize("student", [*IN_THE_NOTEBOOK, "fay", "gus", "joe"])
@pytest.mark.usefixtures("run")
def test_a_damaged_submission_gets_all_it_deserves(student: str, course: Course) -> None:
    assert automatic(course, student) == FULL


@pytest.mark.usefixtures("run")
def test_the_card_tells_what_was_repaired(course: Course) -> None:
    for student, (_, said) in IN_THE_NOTEBOOK.items():
        assert said in repairs(course, student)
    assert "hw 1/Copy of tiny.ipynb was taken for tiny.ipynb" in repairs(course, "fay")
    assert "tiny.ipynb is as it was released" in repairs(course, "gus")
    assert repairs(course, "joe") == ""


def test_what_nobody_can_know_waits_for_staff_by_name(run: ClassRun, course: Course) -> None:
    assert sorted(run.reasons) == ["hal", "ida"]
    assert "tiny (1).ipynb and tiny (2).ipynb differ" in run.reasons["hal"][0]
    assert "homework.zip" in run.reasons["ida"][0]
    assert automatic(course, "hal") == automatic(course, "ida") == NONE


@pytest.mark.usefixtures("run")
def test_one_file_of_another_name_is_scored(course: Course) -> None:
    path = course.submitted("hal", "tiny") / "tiny (1).ipynb"
    assert score_path(course, "tiny", path, "hal").score == 7.0


@pytest.mark.usefixtures("run")
def test_a_submission_that_breaks_intake_is_one_students_only(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autograder.autograde import grade
    from autograder.judge import submission as submissions

    real = submissions.read_submission

    def fails_for_bob(course: Course, assignment: str, student: str, folder: Path) -> Any:
        if student == "bob":
            raise RecursionError("too deep")
        return real(course, assignment, student, folder)

    monkeypatch.setattr(grade, "read_submission", fails_for_bob)
    run = grade_class(course, "tiny", "[ab]*")
    assert run.kept == ["ada"]
    assert "could not be read: RecursionError" in run.reasons["bob"][0]
    assert automatic(course, "bob") == NONE
    monkeypatch.undo()
    assert grade_class(course, "tiny", "bob").reasons == {}
    assert automatic(course, "bob") == FULL


def marks(course: Course, student: str) -> dict[str, float | None]:
    found = gradebook.marks(course, "tiny")
    return {name: score for (who, _, name), score in found.items() if who == student}


@pytest.mark.usefixtures("run")
def test_marks_by_hand_stay_with_the_solution_that_they_were_for(
    course: Course, of_class: TinyCourse
) -> None:
    before = marks(course, "ada")
    mark(course, "ada", why=4.5, mean_tests=1.5)
    grade_class(course, "tiny", "ada", regrade=True)
    assert marks(course, "ada") == {**before, "why": 4.5, "mean_tests": 1.5}
    of_class.submission("ada", {"mean": "def mean(numbers):\n    return 0"})
    grade_class(course, "tiny", "ada")
    assert marks(course, "ada") == {**before, "why": 4.5, "mean_tests": 0.0}
    assert "`mean_tests` had 1.5 points by hand, for an older submission" in repairs(course, "ada")


@pytest.fixture
def marked_by_hand(course: Course, of_class: TinyCourse) -> Path:
    """cem's notebook; a person has given marks for it."""
    path = of_class.submission("cem")
    grade_class(course, "tiny", "cem")
    mark(course, "cem", why=5, double_tests=2.5)
    assert marks(course, "cem") == {"double_tests": 2.5, "mean_tests": 4.0, "why": 5.0}
    return path


@pytest.mark.usefixtures("run")
def test_no_mark_of_an_older_submission_outlives_one_without_the_notebook(
    marked_by_hand: Path, course: Course
) -> None:
    marked_by_hand.unlink()
    assert grade_class(course, "tiny", "cem").reasons == {}
    assert marks(course, "cem") == {"double_tests": 0.0, "mean_tests": 0.0, "why": 0.0}
    assert "`why` had 5 points by hand" in repairs(course, "cem")
    mark(course, "cem", why=1)
    grade_class(course, "tiny", "cem", regrade=True)
    assert marks(course, "cem")["why"] == 1.0, "staff have looked at this one"


@pytest.mark.usefixtures("run")
def test_marks_by_hand_outlive_a_file_that_cannot_be_read(
    marked_by_hand: Path, course: Course
) -> None:
    """It may be half of a copy; with the whole file all is as it was."""
    whole = marked_by_hand.read_text()
    marked_by_hand.write_text("{")
    assert list(grade_class(course, "tiny", "cem").reasons) == ["cem"]
    assert marks(course, "cem") == {"double_tests": 2.5, "mean_tests": None, "why": 5.0}
    marked_by_hand.write_text(whole)
    assert grade_class(course, "tiny", "cem").reasons == {}
    assert marks(course, "cem") == {"double_tests": 2.5, "mean_tests": 4.0, "why": 5.0}
