"""Task cells of every form: they wait for a person, and their mark schemes stay with staff."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import nbformat
import pytest

from autograder import doctor
from autograder.autograde import gradebook
from autograder.autograde.class_run import ClassRun
from autograder.autograde.feedback import write_feedback
from autograder.autograde.grade import grade_class
from autograder.course import Course, load_course
from autograder.course.cells import grade_id_of
from autograder.release.release import build
from tests.kept import grades
from tests.tiny_course import TinyCourse, cell, notebook, tiny_source

CONFIG = """
c.ClearMarkScheme.begin_mark_scheme_delimeter = "(marks"
c.ClearMarkScheme.end_mark_scheme_delimeter = "marks)"
c.IncludeHeaderFooter.footer = "source/footer.ipynb"
"""
TASK = {"task": True, "locked": True}
SCHEMES = ("One for the axes", "Two for the legend", "Three for the code", "Half for the name")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def scheme(number: int) -> str:
    return f"(marks for staff\n{SCHEMES[number]}\nmarks)"


def source() -> dict[str, Any]:
    sketch = cell("markdown", f"Sketch:\n{scheme(0)}\nas large as ![it](attachment:it.png).\n{scheme(1)}", "sketch", points=3, **TASK)  # fmt: skip
    return notebook(
        *[{**made, "id": f"code-{n}"} for n, made in enumerate(tiny_source()["cells"][:3])],
        {**sketch, "attachments": {"it.png": {"image/png": PIXEL}}},
        cell("markdown", "Then more.", "more", points=0.5, **TASK),
        cell("markdown", f"Plot it below.\n\n{scheme(2)}", "plot", points=2, **TASK),
        cell("markdown", "Open: not locked.", "open", points=1, task=True),
    )


Change = Callable[[list[dict[str, Any]], int], object]


def _as_code(cells: list[dict[str, Any]], at: int) -> None:
    cells[at] |= {"cell_type": "code", "outputs": [], "execution_count": None}
    cells[at].pop("attachments", None)


CHANGES: dict[str, Change] = {
    "untouched": lambda *_: None,
    "deleted": lambda cells, at: cells.pop(at),
    "twice": lambda cells, at: cells.insert(at, {**copy.deepcopy(cells[at]), "id": f"copy-{at}"}),
    "emptied": lambda cells, at: cells[at].update(source=""),
    "written-in": lambda cells, at: cells[at].update(source=[*cells[at]["source"], "\n\nMy work."]),
    "as-code": _as_code,
    "bare": lambda cells, at: cells[at].update(metadata={}),
}
ITEMS = ("sketch", "more", "plot", "open", "name")


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Course, ClassRun]:
    """A class in which each student did something else to all tasks."""
    tiny = TinyCourse(tmp_path_factory.mktemp("course"), CONFIG)
    tiny.write("source/tiny/tiny.ipynb", json.dumps(source()))
    name = cell("markdown", f"Sign.\n{scheme(3)}", "name", points=0.25, **TASK)
    tiny.write("source/footer.ipynb", json.dumps(notebook({**name, "id": "footer"})))
    course = load_course(tiny.root)
    build(course, "tiny")
    for student, change in CHANGES.items():
        data = tiny.handed_in({})
        places = [
            number
            for number, one in enumerate(data["cells"])
            if one["metadata"].get("nbgrader", {}).get("task")
        ]
        assert len(places) == len(ITEMS)
        for place in reversed(places):
            change(data["cells"], place)
        tiny.write(f"submitted/{student}/tiny/tiny.ipynb", json.dumps(data))
    return course, grade_class(course, "tiny")


@pytest.mark.parametrize("student", CHANGES)
def test_a_task_waits_whatever_became_of_its_cell(
    student: str, graded: tuple[Course, ClassRun]
) -> None:
    course, run = graded
    assert run.reasons == {}
    with gradebook.open_gradebook(course) as book:
        (row,) = book.find_submission("tiny", student).notebooks
        most = {grade.name: grade.max_score for grade in row.grades}
    waits = dict.fromkeys(ITEMS, (None, None, True))
    assert grades(course, student) == {"double_tests": (3.0, None, False), **waits}
    assert most == {"double_tests": 3, "sketch": 3, "more": 0.5, "plot": 2, "open": 1, "name": 0.25}


@pytest.mark.parametrize("student", CHANGES)
def test_staff_see_each_task_once_with_its_scheme_and_picture(
    student: str, graded: tuple[Course, ClassRun]
) -> None:
    course, _ = graded
    cells = nbformat.read(course.autograded(student, "tiny") / "tiny.ipynb", as_version=4).cells
    tasks = [one for one in cells if grade_id_of(one) in ITEMS]
    assert [grade_id_of(one) for one in tasks] == list(ITEMS)
    assert {one.cell_type for one in tasks} == {"markdown"}
    text = "\n".join(one.source for one in tasks)
    assert [words for words in SCHEMES if text.count(words) != 1] == []
    assert "it.png" in tasks[0].attachments
    kept = any("My work." in one.source for one in cells if one not in tasks)
    assert kept is (student == "written-in")


def test_no_student_sees_a_scheme(graded: tuple[Course, ClassRun]) -> None:
    course, _ = graded
    write_feedback(course, "tiny", "*")
    pages = {
        path: path.read_text()
        for folder in ("release", "feedback")
        for path in (course.root / folder).rglob("*.*")
    }
    assert len(pages) == 1 + 2 * len(CHANGES)  # each with a first page
    seen = [
        path for path, text in pages.items() if any(one in text for one in (*SCHEMES, "marks)"))
    ]
    assert seen == []
    about = {finding.what: finding for finding in doctor.examine(course.root)}
    assert about["tiny"].good, about["tiny"].text
