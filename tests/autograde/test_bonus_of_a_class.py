"""A bonus from submission to gradebook: points on top, for who brings the file, and nothing for anybody else."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import save_file

from autograder.autograde import gradebook
from autograder.autograde.grade import grade_class
from autograder.autograde.records import load_card
from autograder.course import Course, bonus, load_course
from autograder.judge import digest_cache as known_files
from autograder.release.release import build
from autograder.report.table import class_table
from autograder.scorecard import Item, Verdict
from tests.doors import autograder, nbgrader_autograde
from tests.kept import mark
from tests.tiny_course import GRADERS, TinyCourse, cell, tiny_source

FILE = "numbers.safetensors"
CONTRACT = f"""
total = 12

[bonus.tiny.numbers_tests]
points = 2
file = "{FILE}"
max_mib = 1
"""
TESTS = '''
import pytest

from autograder.grading import bonus, expect


@bonus("numbers_tests")
@pytest.mark.parametrize("least", [1, 10], ids="at least {}".format)
def test_the_numbers_are_large(bonus_files, note, least):
    """The numbers are large enough.

    We took their mean.
    """
    mean = float(bonus_files["numbers_tests"].tensors({"numbers": (3,)})["numbers"].mean())
    note(f"Their mean is {mean:g}.")
    expect(mean >= least, f"{least} is asked for here.")
'''
ON = 'c.CourseSettings.bonus = ["numbers_tests"]\n'


def write_course(root: Path) -> TinyCourse:
    tiny = TinyCourse(root)
    source = tiny_source()
    extra = cell("code", "1 + 1", "numbers_tests", grade=True, locked=True, points=0)
    source["cells"].append({**extra, "id": "extra"})
    tiny.write("source/tiny/tiny.ipynb", json.dumps(source))
    tiny.write("graders/tiny/contract.toml", CONTRACT)
    tiny.write("graders/tiny/test_tiny.py", GRADERS + TESTS)
    build(load_course(root), "tiny")
    tiny.configure(ON)
    return tiny


def bring(
    tiny: TinyCourse, student: str, number: float, cells: Mapping[str, str] | None = None
) -> Path:
    path = tiny.submission(student, cells).with_name(FILE)
    save_file({"numbers": torch.full((3,), number)}, path)
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyCourse:
    made = write_course(tmp_path_factory.mktemp("bonus"))
    bring(made, "ada", 20.0)
    bring(made, "bob", 2.0, {"mean": "def mean(numbers):\n    return 0"})
    made.submission("cem")
    bring(made, "dee", 0.0).write_text("no tensors at all")
    linked = bring(made, "eli", 0.0)
    linked.unlink()
    linked.symlink_to(made.root / "submitted/ada/tiny" / FILE)
    with bring(made, "fay", 0.0).open("wb") as file:
        file.truncate(2**20 + 1)
    return made


@pytest.fixture(scope="module")
def course(tiny: TinyCourse) -> Course:
    return load_course(tiny.root)


@pytest.fixture(scope="module", autouse=True)
def _graded(course: Course) -> None:
    grade_class(course, "tiny")


def item_of(course: Course, student: str) -> Item | None:
    card = load_card(course, "tiny", student)
    assert card is not None
    return next((item for item in card.items if item.bonus), None)


def row_of(course: Course, student: str) -> tuple[Any, Any, bool, float]:
    """The bonus's row of the gradebook and the whole submission's score there."""
    with gradebook.open_gradebook(course) as book:
        submission = book.find_submission("tiny", student)
        row = book.find_grade("numbers_tests", "tiny", "tiny", student)
        return row.auto_score, row.max_score, row.needs_manual_grade, submission.score


@pytest.mark.parametrize(
    ("student", "points", "whole"),
    [("ada", 2.0, 9.0), ("bob", 1.0, 4.0), ("cem", 0.0, 7.0), ("dee", 0.0, 7.0)],
)
def test_points_come_on_top(course: Course, student: str, points: float, whole: float) -> None:
    assert row_of(course, student) == (points, 0.0, False, whole)
    card = load_card(course, "tiny", student)
    assert card is not None
    assert (card.score, card.auto_max_score, card.reasons) == (whole, 7.0, [])


def test_who_brings_nothing_has_no_such_item(course: Course) -> None:
    assert item_of(course, "cem") is None
    assert item_of(course, "eli") is None, "a link is not followed"


def test_the_student_reads_how_far_it_went(course: Course) -> None:
    item = item_of(course, "bob")
    assert item is not None
    assert [(check.title, check.verdict) for check in item.checks] == [
        ("The numbers are large enough. (at least 1)", Verdict.PASSED),
        ("The numbers are large enough. (at least 10)", Verdict.FAILED),
    ]
    assert item.checks[1].message == "10 is asked for here."
    assert item.checks[0].note == "Their mean is 2."


@pytest.mark.parametrize(
    ("student", "said"),
    [("dee", "should be a safetensors file"), ("fay", "should have at most 1 MiB")],
)
def test_a_file_that_is_none_is_named(course: Course, student: str, said: str) -> None:
    item = item_of(course, student)
    assert item is not None
    assert item.verdict is Verdict.FAILED
    assert said in item.hint


def test_lost_bonus_points_are_no_lost_points(tiny: TinyCourse) -> None:
    for student, code in (("cem", 0), ("dee", 0), ("bob", 1)):
        folder = tiny.root / "submitted" / student / "tiny"
        done = autograder(tiny.root, "score", folder, code=code)
    assert "1 / 2 bonus" in done.output


def test_exports_count_it_as_extra(tiny: TinyCourse) -> None:
    def exported(form: str) -> str:
        return autograder(tiny.root, "export", "tiny", "--format", form).output

    rows = list(csv.DictReader(io.StringIO(exported("csv"))))
    mine = [row for row in rows if row["student"] == "ada"]
    assert sum(float(row["max_score"]) for row in mine) == 12
    assert {row["score"] for row in mine if row["grade_id"] == "numbers_tests"} == {"2"}
    assert not any(row["grade_id"] == "numbers_tests" for row in rows if row["student"] == "cem")
    ada = json.loads(exported("json"))["submissions"][0]
    assert (ada["score"], ada["max_score"]) == (9.0, 12.0)


def test_the_feedback_page_shows_it_to_who_has_it(tiny: TinyCourse) -> None:
    autograder(tiny.root, "feedback", "tiny")
    pages = {
        name: (tiny.root / f"feedback/{name}/tiny/tiny.html").read_text() for name in ("bob", "cem")
    }
    assert "2 bonus" in pages["bob"]
    assert "10 is asked for here." in pages["bob"]
    assert "Result of numbers" not in pages["cem"]
    assert "of 12 points" in pages["bob"]
    assert "of 12 points" in pages["cem"]


def test_another_file_is_judged_again_and_nothing_else(
    tiny: TinyCourse, course: Course, started: list[str]
) -> None:
    path = bring(tiny, "gus", 20.0)
    grade_class(course, "tiny")
    assert started == ["gus"] or started == [], "equal to ada's"
    assert row_of(course, "gus")[0] == 2.0
    save_file({"numbers": torch.full((3,), 3.0)}, path)
    grade_class(course, "tiny")
    assert started[-1:] == ["gus"]
    assert row_of(course, "gus") == (1.0, 0.0, False, 8.0)
    path.unlink()
    grade_class(course, "tiny")
    assert row_of(course, "gus") == (0.0, 0.0, False, 7.0)
    assert item_of(course, "gus") is None


def test_a_mark_by_hand_stays(tiny: TinyCourse, course: Course) -> None:
    bring(tiny, "hal", 2.0)
    grade_class(course, "tiny", "hal")
    mark(course, "hal", numbers_tests=1.5)
    grade_class(course, "tiny", "hal", regrade=True)
    assert row_of(course, "hal")[3] == 8.5


def test_a_mark_by_hand_goes_with_the_file_that_it_was_for(
    tiny: TinyCourse, course: Course
) -> None:
    path = bring(tiny, "jon", 2.0)
    grade_class(course, "tiny", "jon")
    for change in (lambda: bring(tiny, "jon", 3.0), path.unlink):
        mark(course, "jon", numbers_tests=1.75)
        change()
        grade_class(course, "tiny", "jon")
        card = load_card(course, "tiny", "jon")
        assert card is not None
        assert "`numbers_tests` had 1.75 points by hand" in str(card.notebooks[0].repairs)
        assert row_of(course, "jon")[3] == card.score
    mark(course, "jon", numbers_tests=1.25)  # without any file: a person's own idea
    grade_class(course, "tiny", "jon", regrade=True)
    assert row_of(course, "jon")[3] == 8.25
    done = autograder(tiny.root, "export", "tiny", "--format", "json")
    (jon,) = (one for one in json.loads(done.output)["submissions"] if one["student"] == "jon")
    assert (jon["score"], jon["max_score"]) == (8.25, 12.0)


def test_what_is_said_of_the_bonus_stands_at_no_other_item(
    tiny: TinyCourse, course: Course
) -> None:
    bring(tiny, "kay", 2.0, {"why": ""})
    grade_class(course, "tiny", "kay")
    with gradebook.open_gradebook(course) as book:
        comment = book.find_comment("why", "tiny", "tiny", "kay").auto_comment
    assert comment != "10 is asked for here. We took their mean."
    assert "asked for" not in str(comment)


def test_our_failure_is_no_zero(tiny: TinyCourse, course: Course) -> None:
    bring(tiny, "lea", 20.0)
    grade_class(course, "tiny", "lea")
    assert row_of(course, "lea")[0] == 2.0
    notebook = tiny.root / "submitted/lea/tiny/tiny.ipynb"
    notebook.write_text("half a noteb")
    run = grade_class(course, "tiny", "lea")
    assert list(run.reasons) == ["lea"]
    assert row_of(course, "lea")[:3] == (None, 0.0, True)
    item = item_of(course, "lea")
    assert item is not None
    assert item.verdict is Verdict.UNGRADED
    table = io.StringIO()
    Console(file=table, width=200).print(class_table(run.cards))
    assert re.search(r"bonus\n.*\nlea \*.* –\n", table.getvalue())


def test_a_pointer_of_git_lfs_is_nobodys_fault(tiny: TinyCourse, course: Course) -> None:
    bring(tiny, "moe", 0.0).write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"
    )
    run = grade_class(course, "tiny", "moe")
    assert "numbers_tests" in run.reasons["moe"][0]
    assert row_of(course, "moe")[2], "it waits for a person"


def test_switched_off_it_gives_nothing(tiny: TinyCourse, tmp_path: Path) -> None:
    off = TinyCourse(tmp_path, released=tiny.root)
    off.configure("")
    course = load_course(off.root)
    run = grade_class(course, "tiny", "[ab]*")
    assert run.reasons == {}
    assert row_of(course, "ada") == (0.0, 0.0, False, 7.0)
    assert item_of(course, "ada") is None


def test_stock_nbgrader_gives_the_same(tiny: TinyCourse, course: Course, tmp_path: Path) -> None:
    again = TinyCourse(tmp_path, released=tiny.root)
    for left in ("records/scorecards", "autograded"):
        shutil.rmtree(again.root / left)
    for student, mean in (("ada", 20.0), ("bob", 2.0)):
        with gradebook.open_gradebook(load_course(again.root)) as book:
            book.find_grade("numbers_tests", "tiny", "tiny", student).auto_score = None
            book.db.commit()
        nbgrader_autograde(["tiny", f"--student={student}", "--force"], again.root)
        assert row_of(load_course(again.root), student) == row_of(course, student), mean


def test_the_box_never_gets_the_file(tiny: TinyCourse, course: Course) -> None:
    tiny.submission("ivy", extra="import os; assert os.listdir() == [], os.listdir()")
    save_file({"numbers": torch.ones(3)}, tiny.root / "submitted/ivy/tiny" / FILE)
    grade_class(course, "tiny", "ivy")
    page = json.loads((tiny.root / "autograded/ivy/tiny/tiny.ipynb").read_text())
    assert page["cells"][0]["outputs"] == []
    assert item_of(course, "ivy") is not None


def test_a_large_file_is_read_once_and_again_when_it_has_changed(
    tiny: TinyCourse, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = bonus.digest_of

    def digest_of(path: Path, most: int) -> str:
        read.append(path.parent.parent.name)
        return real(path, most)

    monkeypatch.setattr(known_files, "digest_of", digest_of)
    path = bring(tiny, "nia", 2.0)
    for _ in range(2):
        grade_class(course, "tiny", "nia")
    assert read == ["nia"]
    save_file({"numbers": torch.full((3,), 20.0)}, path)
    grade_class(course, "tiny", "nia")
    assert read == ["nia", "nia"]
    assert row_of(course, "nia")[0] == 2.0
