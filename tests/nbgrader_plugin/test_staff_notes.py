"""What staff read in the formgrader beside an answer, and students nowhere."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from nbconvert.exporters import HTMLExporter
from nbgrader.server_extensions.formgrader import handlers as formgrader

from autograder.autograde.feedback import write_feedback
from autograder.autograde.grade import grade_class
from autograder.course import Course, load_course
from tests.tiny_course import TinyCourse, tiny_source

MODEL = "A mean weighs all alike: $m = \\bar{x}$.\n\n*Rubric.* 5 points: alike."


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, released: Path) -> Course:
    tiny = TinyCourse(tmp_path_factory.mktemp("notes") / "course", released=released)
    source = tiny_source()
    source["cells"][-1]["source"] = MODEL
    tiny.write("source/tiny/tiny.ipynb", json.dumps(source))
    tiny.submission("ada")
    tiny.write("submitted/kirra/tiny/tiny.ipynb", '{"cells": [')
    course = load_course(tiny.root)
    grade_class(course, "tiny")
    write_feedback(course, "tiny", "*")
    return course


def marking_page(course: Course, student: str) -> str:
    """The page as nbgrader's server makes it."""
    config: Any = copy.deepcopy(course.config)
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [formgrader.template_path]
    about = {
        "assignment_id": "tiny", "notebook_id": "tiny", "student": student, "submission_id": "1", "index": 0,
        "total": 1, "base_url": "", "first_name": None, "last_name": None, "notebook_path": "x",
    }  # fmt: skip
    notebook = course.autograded(student, "tiny") / "tiny.ipynb"
    return str(HTMLExporter(config=config).from_filename(str(notebook), dict(about))[0])


def test_the_model_answer_stands_above_the_answer_and_is_folded(course: Course) -> None:
    page = marking_page(course, "ada")
    note = page.index("For staff: model answer and rubric")
    assert page.index("Why?") < note < page.index("Because a mean weighs all alike")
    assert "<b>Rubric.</b>" in page or "<strong>Rubric.</strong> 5 points: alike." in page
    assert "<details open" not in page
    assert "<math" in page


def test_the_reason_stands_where_nothing_was_graded(course: Course) -> None:
    page = marking_page(course, "kirra")
    assert page.count("For staff. Not graded:") == 3, "once with the reason, and at each item"
    assert "is not JSON" in page
    assert "For staff. Not graded" not in marking_page(course, "ada")


def test_students_get_nothing_of_it(course: Course) -> None:
    for student in ("ada", "kirra"):
        for path in course.feedback(student, "tiny").iterdir():
            assert "For staff" not in path.read_text()
            assert "weighs all alike: " not in path.read_text()
        assert "For staff" not in (course.autograded(student, "tiny") / "tiny.ipynb").read_text()
    release = (course.release("tiny") / "tiny.ipynb").read_text()
    assert "Rubric" not in release


def test_nothing_on_the_page_comes_from_elsewhere(course: Course) -> None:
    page = marking_page(course, "ada")
    assert "cdnjs" not in page
    assert "window.MathJax" in page
