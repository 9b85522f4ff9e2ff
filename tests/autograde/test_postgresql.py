"""A course whose gradebook is in PostgreSQL: the same marks through every door as with SQLite."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from traitlets.utils.importstring import import_item

from autograder.autograde import gradebook
from autograder.autograde.grade import grade_class
from autograder.course import load_course
from tests import kept
from tests.doors import autograder, formgrader, nbgrader_autograde
from tests.formgrader import TOKEN, open_formgrader
from tests.postgresql import IN_A_URL, PASSWORD
from tests.tiny_course import RIGHT, TinyCourse

MARKS = {
    "ada": {"double_tests": 3.0, "mean_tests": 4.0, "why": None},
    "bob": {"double_tests": 1.0, "mean_tests": 4.0, "why": 0.0},
    "cem": {"double_tests": None, "mean_tests": None, "why": None},
    "dan": {"double_tests": 0.0, "mean_tests": 4.0, "why": None},
}
LATE = 'c.LateSubmissionPlugin.penalty_method = "zero"\n'


def submit_a_class(tiny: TinyCourse) -> TinyCourse:
    """Ada is right, Bob half right and late, Cem's file is damaged, Dan's message has what a server refuses."""
    tiny.write("records/secret", "5" * 64)  # the same challenges in all of them
    tiny.configure(LATE)
    tiny.submission("ada")
    half = "def double(x):\n    return 2 * abs(x)"
    tiny.submission("bob", {"double": half, "why": "YOUR ANSWER HERE"})
    tiny.write("submitted/bob/tiny/timestamp.txt", "2026-03-02 11:45:00 CET")
    tiny.write("submitted/cem/tiny/tiny.ipynb", "[]")
    raises = "def double(x):\n    raise ValueError('a\\0b \\ud800 é 😀')"
    tiny.submission("dan", {"double": raises})
    with gradebook.open_gradebook(load_course(tiny.root)) as book:
        book.update_or_create_assignment("tiny", duedate="2026-03-02 10:30:00 UTC")
    return tiny


def marks_in(root: Path) -> dict[str, dict[str, float | None]]:
    by_student: dict[str, dict[str, float | None]] = {}
    for (student, _, item), mark in gradebook.marks(load_course(root), "tiny").items():
        by_student.setdefault(student, {})[item] = mark
    return by_student


@pytest.fixture(scope="module")
def in_file(tmp_path_factory: pytest.TempPathFactory, released: Path) -> Path:
    """The class with SQLite, as `autograder grade` leaves it."""
    tiny = submit_a_class(TinyCourse(tmp_path_factory.mktemp("in-file"), released=released))
    grade_class(load_course(tiny.root), "tiny")
    return tiny.root


def marked_by_a_person(root: Path) -> None:
    """As the formgrader does it: nbgrader's own gradebook, and nothing of ours."""
    with Gradebook(load_course(root).config.CourseDirectory.db_url) as book:
        grade = book.find_grade("why", "tiny", "tiny", "ada")
        grade.manual_score, grade.needs_manual_grade = 4.5, False
        book.find_comment("why", "tiny", "tiny", "ada").manual_comment = "Schön."
        book.db.commit()


def all_that_comes_out(root: Path) -> dict[str, object]:
    """Exports of both kinds and a page of feedback, of a class that was graded."""
    autograder(root, "feedback", "tiny", "--student", "ada")
    course = load_course(root)
    plugin = import_item(course.config.ExportApp.plugin_class)(config=course.config)
    plugin.to = str(root / "grades.csv")
    with Gradebook(course.config.CourseDirectory.db_url, "tiny-course") as book:
        plugin.export(book)
    return {
        "export": autograder(root, "export", "tiny").stdout,
        "json": autograder(root, "export", "tiny", "--format", "json").stdout,
        "nbgrader export": sorted((root / "grades.csv").read_text().splitlines()),
        "page": (root / "feedback/ada/tiny/tiny.html").read_text(),
    }


def test_grading_by_hand_and_again_and_what_goes_out_is_as_with_sqlite(
    in_file: Path, tiny_on_server: TinyCourse
) -> None:
    root = submit_a_class(tiny_on_server).root
    done = autograder(root, "grade", "tiny", code=3)
    assert "cem needs staff" in done.stderr
    assert marks_in(root) == marks_in(in_file) == MARKS
    assert kept.differences(kept.everything(root), kept.everything(in_file)) == []
    assert kept.rows(root)["bob", "tiny"] == (5.0, False), "the time of a submission is in UTC"
    for course in (root, in_file):
        marked_by_a_person(course)
        autograder(course, "grade", "tiny", "--regrade", "--quiet", code=3)
    assert marks_in(root)["ada"]["why"] == 4.5
    assert kept.differences(kept.everything(root), kept.everything(in_file)) == []
    ours, theirs = all_that_comes_out(root), all_that_comes_out(in_file)
    assert {name for name in ours if ours[name] != theirs[name]} == set()


@pytest.mark.parametrize("door", ["nbgrader autograde", "the formgrader's button"])
def test_nbgraders_doors_give_the_same_marks(
    door: str, tiny_on_server: TinyCourse, tmp_path: Path
) -> None:
    root = submit_a_class(tiny_on_server).root
    for student in (
        "ada",
        "cem",
    ):  # each takes nbgrader seconds, and the other two are the odd ones
        shutil.rmtree(root / "submitted" / student)
    if door == "nbgrader autograde":
        nbgrader_autograde(["tiny"], root)
    else:
        formgrader(root, "tiny", ["bob", "dan"], tmp_path)
    assert marks_in(root) == {name: MARKS[name] for name in ("bob", "dan")}
    assert kept.rows(root)["bob", "tiny"] == (5.0, False)


def test_the_formgrader_shows_the_class_and_nowhere_the_password(
    tiny_on_server: TinyCourse, tmp_path: Path
) -> None:
    root = tiny_on_server.root
    autograder(root, "grade", "tiny")
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with open_formgrader(root, scratch) as address:

        def page(path: str) -> str:
            with browser.open(f"{address}/{path}?token={TOKEN}", timeout=60) as answer:
                return str(answer.read().decode())

        (submission,) = json.loads(page("api/submitted_notebooks/tiny/tiny"))
        assert (submission["student"], submission["score"]) == ("ada", 7.0)
        (assignment,) = json.loads(page("api/assignments"))
        assert (assignment["num_submissions"], assignment["max_score"]) == (1, 12.0)
        pages = ("manage_assignments", "gradebook/tiny", f"submissions/{submission['id']}")
        shown = "".join(page(path) for path in pages)
    assert RIGHT["why"] in shown
    for text in (shown, (scratch / "server.log").read_text()):
        assert PASSWORD not in text
        assert IN_A_URL not in text
