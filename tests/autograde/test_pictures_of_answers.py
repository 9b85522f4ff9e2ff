"""Pictures that are pasted into text cells come through to whoever marks, and to the student's page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import nbgrader.server_extensions.formgrader.handlers as formgrader
import pytest
from nbconvert.exporters import HTMLExporter
from traitlets.config import Config

from autograder.autograde.feedback import write_feedback
from autograder.autograde.grade import grade_class
from autograder.course import load_course
from tests.kept import grades, mark
from tests.report.samples import picture
from tests.report.test_like_jupyter import OURS
from tests.tiny_course import TinyCourse, cell

ANSWER = "- [x] the mean\n- [ ] the median\n\nMy derivation:\n\n![photo](attachment:photo.png)"
PHOTO, GIVEN = picture(size=(5, 5)), picture(size=(7, 7))


@pytest.fixture
def tiny(tmp_path: Path, released: Path) -> TinyCourse:
    return TinyCourse(tmp_path, released=released)


def hand_in(tiny: TinyCourse, photo: str) -> None:
    data: dict[str, Any] = tiny.handed_in({"why": ANSWER})
    for entry in data["cells"]:
        if entry["metadata"].get("nbgrader", {}).get("grade_id") == "why":
            entry["attachments"] = {"photo.png": {"image/png": photo}}
    own = cell("markdown", "As the course has it: ![](attachment:given.png)")
    data["cells"].append({**own, "id": "own", "attachments": {"given.png": {"image/png": GIVEN}}})
    tiny.write("submitted/ada/tiny/tiny.ipynb", json.dumps(data))


def marking_page(path: Path) -> str:
    config = Config(OURS)
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [formgrader.template_path]
    about = {"base_url": "", "submission_id": "1", "index": 0, "total": 1, "student": "ada"}
    notebook = nbformat.read(path, as_version=4)
    page, _ = HTMLExporter(config=config).from_notebook_node(notebook, about)
    return str(page)


@pytest.mark.filterwarnings("ignore")
def test_whoever_marks_and_the_student_see_pictures_and_ticks(tiny: TinyCourse) -> None:
    hand_in(tiny, PHOTO)
    course = load_course(tiny.root)
    grade_class(course, "tiny")
    autograded = tiny.root / "autograded/ada/tiny/tiny.ipynb"
    nbformat.validate(nbformat.read(autograded, as_version=4))
    write_feedback(course, "tiny", "*")
    pages = {
        "marking": marking_page(autograded),
        "feedback": (tiny.root / "feedback/ada/tiny/tiny.html").read_text(),
    }
    for page in pages.values():
        for content in (PHOTO, GIVEN):
            assert page.count(f'src="data:image/png;base64,{content}"') == 1
        assert "☑ the mean" in page
        assert "☐ the median" in page


def test_an_answer_with_another_picture_is_another_answer(tiny: TinyCourse) -> None:
    hand_in(tiny, PHOTO)
    course = load_course(tiny.root)
    assert grade_class(course, "tiny").kept == []
    mark(course, "ada", why=5)
    assert grade_class(course, "tiny").kept == ["ada"]
    assert grades(course, "ada")["why"][1] == 5
    hand_in(tiny, picture(size=(6, 6)))
    assert grade_class(course, "tiny").kept == []
    assert grades(course, "ada")["why"] == (None, None, True), "the mark was for the other picture"
    assert picture(size=(6, 6)) in (tiny.root / "autograded/ada/tiny/tiny.ipynb").read_text()
