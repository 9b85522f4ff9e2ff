"""A course whose gradebook is in PostgreSQL: the same marks through every door as with SQLite."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from autograder.autograde import gradebook
from autograder.autograde.grade import grade_class
from autograder.cli import main
from autograder.course import load_course
from tests import kept
from tests.doors import API, run
from tests.postgresql import Server
from tests.tiny_course import CONFIG, TinyCourse

STUDENTS = ("ada", "bob", "cem", "dan")
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
    tiny.write("course_config.py", tiny.config + LATE)
    tiny.submission("ada")
    half = "def double(x):\n    return 2 * abs(x)"
    tiny.submission("bob", {"double": half, "why": "YOUR ANSWER HERE"})
    tiny.write("submitted/bob/tiny/timestamp.txt", "2026-03-02 12:00:00 CET")
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


def command(root: Path, *arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, ["--course", str(root), *arguments])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(scope="module")
def in_file(tmp_path_factory: pytest.TempPathFactory, released: Path) -> Path:
    """The class with SQLite, as `autograder grade` leaves it."""
    tiny = submit_a_class(TinyCourse(tmp_path_factory.mktemp("in-file"), released=released))
    grade_class(load_course(tiny.root), "tiny")
    return tiny.root


def test_every_door_gives_the_marks_that_it_gives_with_sqlite(
    in_file: Path, tiny_on_server: TinyCourse, server: Server
) -> None:
    root = submit_a_class(tiny_on_server).root
    done = command(root, "grade", "tiny", code=3)
    assert "cem needs staff" in done.stderr
    assert marks_in(root) == marks_in(in_file) == MARKS
    assert kept.differences(kept.everything(root), kept.everything(in_file)) == []
