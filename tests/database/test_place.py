"""Where a gradebook is, in words for people: never with its password."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.cluster.bundle import pack
from autograder.course import Course, load_course
from autograder.database import database_of, naming_trouble
from autograder.errors import KitError
from tests.tiny_course import CONFIG, TinyCourse

PASSWORD = "S3cr@t/%"
WRITTEN = "S3cr%40t%2F%25"


def course_with(root: Path, url: str) -> Course:
    (root / "course_config.py").write_text(f"{CONFIG}c.CourseDirectory.db_url = {url!r}\n")
    return load_course(root)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://ann@db.example.org/course", "`course` on db.example.org"),
        (
            f"postgresql://ann:{WRITTEN}@db.example.org:5433/course",
            "`course` on db.example.org:5433",
        ),
        ("postgresql://ann:S3cr%40t/%25@db.example.org/course", "`course` on db.example.org"),
        ("postgresql+psycopg2:///course?host=/run/postgresql", "`course` on /run/postgresql"),
        ("postgresql+psycopg://ann@a/course?host=b&host=c", "`course` on b, c"),
        (f"postgresql://ann@[::1]/?password={WRITTEN}", "`ann` on ::1"),
    ],
)
def test_a_gradebook_on_a_server_is_named_without_its_password(
    url: str, shown: str, tmp_path: Path
) -> None:
    database = database_of(course_with(tmp_path, url))
    assert database.shown == f"the gradebook {shown} (PostgreSQL)"
    assert database.has_password == ("S3cr" in url)
    for text in (repr(database), database.hide(f"{PASSWORD} {url} {database.url_with_waits}")):
        assert database.has_password is False or "S3cr" not in text
    assert "connect_timeout=10" in database.url_with_waits


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://ann:S3cr@t@x:y@db/course", "is no URL of a database"),
        (f"postgresql://ann:{PASSWORD}@db:54x/course", "is no URL of a database"),
        (f"ann:{PASSWORD}@db/course", "is no URL of a database"),
        (f"postgres://ann:{WRITTEN}@db/course", r"names `postgres`: .* postgresql\+psycopg://"),
        (
            f"mysql://ann:{WRITTEN}@db/course",
            "names `mysql`: a gradebook is a file of SQLite, or in",
        ),
    ],
)
def test_what_is_no_url_of_a_gradebook_is_said_without_quoting_it(
    url: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(KitError, match=why) as raised:
        database_of(course_with(tmp_path, url))
    assert "S3cr" not in str(raised.value)
    assert raised.value.__cause__ is raised.value.__context__ is None, "a log would show these"


def test_a_file_is_named_as_it_lies_in_the_course(tmp_path: Path) -> None:
    database = database_of(course_with(tmp_path, f"sqlite:///{tmp_path}/records/gradebook.db"))
    assert (database.shown, database.on_server) == ("records/gradebook.db", False)
    assert database.hide("any text") == "any text"


def test_what_has_nothing_to_do_with_the_server_is_left_as_it_is(tmp_path: Path) -> None:
    course = course_with(tmp_path, "postgresql+psycopg://ann@db.example.org/course")
    for error in (OSError("no"), ModuleNotFoundError("No module named 'late'", name="late")):
        with pytest.raises(type(error)) as raised, naming_trouble(course):
            raise error
        assert raised.value is error


def test_a_clusters_workers_do_not_learn_of_the_gradebook(released: Path, tmp_path: Path) -> None:
    tiny = TinyCourse(tmp_path / "course", released=released)
    course = course_with(tiny.root, f"postgresql+psycopg://ann:{WRITTEN}@db.example.org/course")
    archive = pack(course, "tiny").archive
    assert b"course_config.py" in archive
    assert b"db.example.org" not in archive
    assert b"S3cr" not in archive
