"""A new gradebook is nbgrader's own, table by table; one that is there is left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from nbgrader.api import Gradebook

from autograder.course import load_course
from autograder.database import make_ready, tables
from tests.tiny_course import TinyCourse


def content(path: Path) -> tuple[list[str], list[tuple[str]], set[tuple[str]]]:
    with closing(sqlite3.connect(path)) as book:
        made = [row[0] for row in book.execute("select sql from sqlite_master order by name")]
        courses = {*book.execute("select id from course")}
        return made, book.execute("select * from alembic_version").fetchall(), courses


def test_a_new_gradebook_is_as_nbgrader_makes_it(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.db"
    for course_id in ("default_course", "tiny-course"):
        with Gradebook(f"sqlite:///{theirs}", course_id):
            pass
    tiny = TinyCourse(tmp_path / "course")
    course = load_course(tiny.root)
    make_ready(course)
    url = course.config.CourseDirectory.db_url
    ours = Path(url.removeprefix("sqlite:///"))
    assert content(ours) == content(theirs)
    with Gradebook(url, "tiny-course") as book:
        book.add_student("ada")
    tables._ready.clear()
    make_ready(course)
    with Gradebook(url, "tiny-course") as book:
        assert [student.id for student in book.students] == ["ada"]
