"""Feedback reaches students through nbgrader: of renamed notebooks, and of what was handed in again."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import pytest
from nbgrader.auth import Authenticator
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.default import (
    ExchangeCollect,
    ExchangeFetchFeedback,
    ExchangeReleaseAssignment,
    ExchangeReleaseFeedback,
    ExchangeSubmit,
)

from autograder.autograde.feedback import other_names
from autograder.autograde.grade import grade_class
from autograder.course import Course, load_course
from tests.tiny_course import TinyCourse

RENAMED = "Copy of tiny"


@pytest.fixture
def tiny(tmp_path: Path, released: Path) -> TinyCourse:
    return TinyCourse(tmp_path / "course", released=released)


def rename(notebook: Path, name: str) -> Path:
    return notebook.rename(notebook.with_name(f"{name}.ipynb"))


def generate(course: Course, force: bool = False) -> str:
    """`nbgrader generate_feedback`; what it says where it fails."""
    directory = CourseDirectory(config=course.config)
    directory.assignment_id = "tiny"
    converter = GenerateFeedback(coursedir=directory, config=course.config)
    converter.force = force
    converter.log = directory.log = logging.getLogger("autograder.nbgrader")
    try:
        converter.start()
    except Exception as error:
        return str(error)
    return ""


def exchange(course: Course, kind: Any, folder: Path, student: str = "*") -> None:
    config: Any = copy.deepcopy(course.config)
    config.Exchange.update(
        root=str(folder / "exchange"), cache=str(folder / "cache"), assignment_dir=str(folder)
    )
    config.Exchange.timezone = "America/New_York"
    directory = CourseDirectory(config=config)
    directory.assignment_id, directory.student_id = "tiny", student
    kind(coursedir=directory, authenticator=Authenticator(config=config), config=config).start()


@pytest.mark.filterwarnings("ignore:unclosed file")  # by nbgrader's release of feedback
@pytest.mark.parametrize("name", [RENAMED, "tiny (1)", "Ada's tíny, final.v2"])
def test_a_renamed_notebooks_page_comes_back_through_nbgraders_exchange(
    tiny: TinyCourse, tmp_path: Path, name: str
) -> None:
    course = load_course(tiny.root)
    exchange(course, ExchangeReleaseAssignment, tmp_path)
    own = rename(tiny.submission("ada"), name)
    (tmp_path / "tiny").mkdir()
    own.rename(tmp_path / "tiny" / own.name)
    own.parent.rmdir()
    exchange(course, ExchangeSubmit, tmp_path, "ada")
    exchange(course, ExchangeCollect, tmp_path)
    assert (own.parent / "timestamp.txt").read_text().split()[-1] in ("EDT", "EST")
    assert own.is_file()
    run = grade_class(course, "tiny")
    assert (run.graded, run.notes) == (["ada"], [])
    assert generate(course) == ""
    exchange(course, ExchangeReleaseFeedback, tmp_path)
    exchange(course, ExchangeFetchFeedback, tmp_path, "ada")
    (page,) = (tmp_path / "tiny/feedback").rglob("*.html")
    assert page.stem == name
    assert page.read_text() == (tiny.root / "feedback/ada/tiny/tiny.html").read_text()


def test_only_a_name_that_nbgrader_looks_for_has_a_page_of_its_own(tiny: TinyCourse) -> None:
    course = load_course(tiny.root)
    tiny.submission("ada")
    rename(tiny.submission("bob"), RENAMED)
    deep = rename(tiny.submission("cem"), RENAMED)
    (deep.parent / "deep").mkdir()
    deep.rename(deep.parent / "deep" / deep.name)
    tiny.write("submitted/dan/tiny/notes.txt", "no notebook")
    names = {name: other_names(course, "tiny", name, "tiny") for name in course.students("tiny")}
    assert names == {"ada": [], "bob": [RENAMED], "cem": [], "dan": []}


@pytest.mark.parametrize(
    ("first", "second", "is_newer"),
    [
        ("2026-07-01 21:30:00 CEST", "2026-07-01 20:30:00 UTC", True),
        ("2026-07-01 21:30:00 UTC", "2026-07-01 22:30:00 CEST", False),
        ("yesterday, 11 pm", "yesterday, 11 pm", False),
    ],
)
def test_without_force_pages_are_made_again_where_a_submission_is_newer(
    first: str, second: str, is_newer: bool, tiny: TinyCourse
) -> None:
    course = load_course(tiny.root)
    tiny.submission("ada")
    tiny.write("submitted/ada/tiny/timestamp.txt", first)
    grade_class(course, "tiny")
    assert generate(course) == ""
    page = tiny.root / "feedback/ada/tiny/tiny.html"
    tiny.submission("ada", {"mean": "mean = sum"})
    tiny.write("submitted/ada/tiny/timestamp.txt", second)
    grade_class(course, "tiny")
    older = page.read_text()
    assert generate(course) == ""
    assert (page.read_text() != older) is is_newer
    assert generate(course, force=True) == ""
    assert page.read_text() != older
