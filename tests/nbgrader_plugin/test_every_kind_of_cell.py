"""Tasks, AUTOTEST, headers, renamed folders, notebooks without tests: the same marks through every door."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder import doctor
from autograder.autograde import gradebook
from autograder.autograde.class_run import ClassRun
from autograder.autograde.feedback import write_feedback
from autograder.autograde.grade import grade_class
from autograder.autograde.records import load_card
from autograder.course import Course, load_course
from autograder.course.cells import grade_id_of
from autograder.report.table import to_json
from tests import kept
from tests.doors import formgrader, nbgrader_autograde, run
from tests.every_kind import ASSIGNMENT, MODEL_ANSWER, RIGHT, SCHEME, EveryKind
from tests.report.samples import picture
from tests.tiny_course import cell

WRONG = "def double(x):\n    return abs(2 * x)"
MARKS = {
    "ada": {"double_tests": 3, "sketch": None, "curve": None, "why": None, "essay": None},
    "ben": {"double_tests": 0, "sketch": None, "curve": None, "why": None, "essay": None},
    "cyd": {"double_tests": 3, "sketch": None, "curve": 0, "why": 0, "essay": 0},
    "eve": {"double_tests": 0, "sketch": None, "curve": 0, "why": 0, "essay": 0},
}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course, released through its gate, with what four students handed in."""
    kinds = EveryKind(tmp_path_factory.mktemp("kinds")).make()
    kinds.write("records/secret", "5" * 64)
    # By itself, for nbgrader leaves channels open to the kernel that it asks for AUTOTEST's values.
    done = run(["-m", "autograder", "release", ASSIGNMENT], kinds.root)
    assert done.returncode == 0, done.stderr
    drawing = [cell("markdown", "The sketch: /\\/\\"), cell("code", "print('/\\\\/\\\\')")]
    kinds.submission("ada", RIGHT, below={"sketch": drawing})
    beside = {
        "curve": [cell("code", "print('my curve')")],
        "why": [cell("markdown", "Since scales differ.")],
        "essay": [cell("markdown", "My essay.")],
    }
    kinds.submission("ben", {"double": WRONG}, below=beside)
    kinds.submission("cyd", {}, above={"double": [cell("code", RIGHT["double"])]})
    kinds.submission("eve", {})
    return kinds.root


def copied(ready: Path, to: Path) -> Path:
    shutil.copytree(ready, to, dirs_exist_ok=True)
    return to


@pytest.fixture(scope="module")
def graded(ready: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Course, ClassRun]:
    """The class graded by `autograder grade`."""
    course = load_course(copied(ready, tmp_path_factory.mktemp("ours")))
    run = grade_class(course, ASSIGNMENT)
    assert run.reasons == {}
    return course, run


def marks_in(root: Path) -> dict[str, dict[str, float | None]]:
    marks: dict[str, dict[str, float | None]] = {}
    with gradebook.open_gradebook(load_course(root)) as book:
        for submission in book.assignment_submissions(ASSIGNMENT):
            of_student = marks.setdefault(submission.student_id, {})
            for row in submission.notebooks:
                for grade in row.grades:
                    assert grade.needs_manual_grade is (grade.auto_score is None)
                    of_student[grade.name] = grade.auto_score
    return marks


def test_autograder_grade_leaves_to_a_person_what_is_a_persons(
    graded: tuple[Course, ClassRun],
) -> None:
    course, _ = graded
    assert marks_in(course.root) == MARKS


def test_nbgrader_autograde_gives_the_same(
    ready: Path, graded: tuple[Course, ClassRun], tmp_path: Path
) -> None:
    root = copied(ready, tmp_path)
    nbgrader_autograde([ASSIGNMENT], root)
    rows = [kept.rows(place, ASSIGNMENT) for place in (graded[0].root, root)]
    assert kept.differences(*rows) == []
    assert marks_in(root) == MARKS


def test_the_formgraders_button_gives_the_same(
    ready: Path, graded: tuple[Course, ClassRun], tmp_path: Path
) -> None:
    root, elsewhere = copied(ready, tmp_path / "course"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    said = formgrader(root, ASSIGNMENT, [*MARKS], elsewhere)
    assert [entry["success"] for entry in said] == [True] * len(MARKS), said
    rows = [kept.rows(place, ASSIGNMENT) for place in (graded[0].root, root)]
    assert kept.differences(*rows) == []


def test_what_came_with_the_release_is_nobodys_damage(graded: tuple[Course, ClassRun]) -> None:
    """A header's cells, tests that nbgrader wrote, delimiters of nbgrader's own."""
    repairs = {card.student: [n.repairs for n in card.notebooks] for card in graded[1].cards}
    together = [("the answer `why` was put together from several cells",)]
    together.append(("the answer `essay` was put together from several cells",))
    assert repairs.pop("ben") == [(), *together]
    # The only hand-in whose answer stands beside its cell: both steps that keep it are said, and no other.
    moved = (
        "the cell `double` is as it was released; another one that defines `double` was taken for it",
        "the untouched stub of `double` stood below a cell that defines it, and was put above that",
    )
    assert repairs.pop("cyd") == [(), moved, ()]
    assert {*repairs} == {"ada", "eve"}
    assert [said for of_student in repairs.values() for said in of_student if said] == []


def autograded(course: Course, student: str, name: str) -> dict[str, Any]:
    path = course.autograded(student, ASSIGNMENT) / f"{name}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    return {grade_id_of(one) or f"cell {number}": one for number, one in enumerate(cells)}


def test_the_tests_that_run_are_those_of_the_release(graded: tuple[Course, ClassRun]) -> None:
    tests = autograded(graded[0], "ada", "1_work")["double_tests"]
    assert "AUTOTEST" not in tests.source
    for number in (7, 8, -9):
        assert f'assert str(double({number})) == "{2 * number}"' in tests.source
    assert "900" not in tests.source, "it is hidden by its hash"
    assert 'assert sha1(str(double(450)).encode("utf-8")+b"' in tests.source
    assert [output.text for output in tests.outputs] == ["Success!\n"]


def test_staff_read_the_mark_scheme_and_students_do_not(graded: tuple[Course, ClassRun]) -> None:
    course, _ = graded
    assert SCHEME in autograded(course, "ada", "1_work")["sketch"].source
    write_feedback(course, ASSIGNMENT, "*")
    for folder in (course.release(ASSIGNMENT), course.root / "answers"):
        texts = {
            str(p): p.read_text() for p in folder.rglob("*") if p.suffix in (".html", ".ipynb")
        }
        assert len(texts) == (3 if folder.name == ASSIGNMENT else 16)
        pages = [name for name, text in texts.items() if SCHEME in text or "MARK SCHEME" in text]
        assert pages == []
        with_answer = [name for name, text in texts.items() if MODEL_ANSWER in text]
        assert [name for name in with_answer if "/ada/" not in name] == [], "who wrote the same"
    page = (course.feedback("ada", ASSIGNMENT) / "1_work.html").read_text()
    assert "Waiting for a person" in page
    assert "Sketch it, in cells below." in page


def test_programs_read_what_waits_and_doctor_is_content(graded: tuple[Course, ClassRun]) -> None:
    course, run = graded
    marks = gradebook.marks(course, ASSIGNMENT)
    entries = json.loads(to_json(run.cards, marks))["submissions"]
    ada, _, _, eve = entries
    states = {item["grade_id"]: item["state"] for item in ada["items"]}
    assert states.pop("double_tests") == "final"
    assert set(states.values()) == {"manual"}
    assert [item["grade_id"] for item in eve["items"] if item["state"] == "manual"] == ["sketch"]
    assert ada["max_score"] == 17
    card = load_card(course, ASSIGNMENT, "ada")
    assert card is not None
    assert [entry.name for entry in card.notebooks if not entry.items] == ["0_reading"]
    about = {finding.what: finding for finding in doctor.examine(course.root)}
    assert about[ASSIGNMENT].good, about[ASSIGNMENT].text


def test_a_mark_on_a_task_is_for_the_work_around_it(graded: tuple[Course, ClassRun]) -> None:
    """It stays while that stays, whatever else is handed in again, and goes with it."""
    course, kinds = graded[0], EveryKind(graded[0].root)

    def marked() -> float | None:
        return gradebook.marks(course, ASSIGNMENT)["ada", "1_work", "sketch"]

    def work(size: int) -> dict[str, list[dict[str, Any]]]:
        photo = cell("markdown", "The sketch: ![it](attachment:it.png)")
        return {
            "sketch": [
                {**photo, "attachments": {"it.png": {"image/png": picture(size=(size, size))}}}
            ]
        }

    kinds.submission("ada", RIGHT, below=work(1))
    grade_class(course, ASSIGNMENT, "ada")
    with gradebook.entry(course) as writing:
        grade = writing.book.find_grade("sketch", "1_work", ASSIGNMENT, "ada")
        grade.manual_score, grade.needs_manual_grade = 2.5, False
    changed = {**RIGHT, "double": WRONG, "why": "**Why scale?**\n\nNo idea."}
    kinds.submission("ada", changed, below=work(1))
    grade_class(course, ASSIGNMENT, "ada")
    assert marked() == 2.5
    kinds.submission("ada", changed, below=work(2))  # another picture in the same words
    run = grade_class(course, ASSIGNMENT, "ada")
    assert marked() is None
    assert "`sketch` had 2.5 points by hand" in str([n.repairs for n in run.cards[0].notebooks])
