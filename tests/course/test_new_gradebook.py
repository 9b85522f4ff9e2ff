"""A new gradebook is nbgrader's own, table by table; one that is there is left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from nbgrader.api import Gradebook

from autograder.course.new_gradebook import make_gradebook


def content(path: Path) -> tuple[list[str], list[tuple[str]]]:
    with closing(sqlite3.connect(path)) as book:
        tables = [row[0] for row in book.execute("select sql from sqlite_master order by name")]
        return tables, book.execute("select * from alembic_version").fetchall()


def test_it_is_as_nbgrader_makes_it(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs.db", tmp_path / "ours.db"
    with Gradebook(f"sqlite:///{theirs}"):
        pass
    make_gradebook(f"sqlite:///{ours}?timeout=60")
    with Gradebook(f"sqlite:///{ours}") as book:  # it adds the course
        book.add_student("ada")
    assert content(ours) == content(theirs)
    make_gradebook(f"sqlite:///{ours}")
    with Gradebook(f"sqlite:///{ours}") as book:
        assert [student.id for student in book.students] == ["ada"]
    assert {path.name for path in tmp_path.iterdir()} == {"theirs.db", "ours.db"}


def test_what_is_no_file_is_left_to_nbgrader(tmp_path: Path) -> None:
    make_gradebook("postgresql://nobody@localhost/none")
    make_gradebook(f"sqlite:///{tmp_path}/none/gradebook.db")
    assert not list(tmp_path.iterdir())
