"""nbgrader's tables in a gradebook: made once, of one version, with names that fit.

nbgrader looks whether there are tables, and makes them where there are none: of several first commands on one
server all but one fail. Last it notes their version, by a program that it runs by name; where that is
not found, the tables stay without a version, and `nbgrader db upgrade` fails ever after. So the kit makes
them itself, in one transaction, before nbgrader looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autograder.course.cells import grade_id_of
from autograder.course.course import Course
from autograder.database.place import Database, database_of
from autograder.database.unavailable import GradebookUnavailable, naming_trouble
from autograder.errors import KitError

_LONGEST = 128  # characters of a name in nbgrader's tables; SQLite does not count them
_DEFAULT_COURSE = "default_course"  # what nbgrader's own preprocessors make a row for
_FIRST_USE = 0x6E6267  # the number of the lock for those who make tables

_ready: set[str] = set()  # URLs at which this process has looked


def make_ready(course: Course) -> None:
    """Make the tables of a gradebook that has none, and note their version where it is missing.

    Raises:
        GradebookUnavailable: when it cannot be used, or was made by an older nbgrader.
        KitError: when its file is damaged, or its URL cannot be read.
    """
    from sqlalchemy import create_engine, text

    database = database_of(course)
    if database.url in _ready:
        return
    ids = {course.config.CourseDirectory.get("course_id", ""), _DEFAULT_COURSE}
    if not database.on_server:
        ids.discard("")  # nbgrader makes no row for a course without an id, and SQLite misses none
    with naming_trouble(course):
        engine = create_engine(database.url_with_waits)
        try:
            with engine.connect() as connection:
                lacking = _outdated(connection)
                ready = not lacking and _is_ready(connection, ids)
                noted = not lacking and _is_noted(connection)
            if lacking:
                raise _from_an_older_one(database, lacking)
            if not ready:
                version = "" if noted else _version()
                with engine.begin() as connection:
                    if database.on_server:
                        connection.execute(text(f"SELECT pg_advisory_xact_lock({_FIRST_USE})"))
                    _make(connection, version, ids)
        finally:
            engine.dispose()
    _ready.add(database.url)


def _from_an_older_one(database: Database, lacking: list[str]) -> GradebookUnavailable:
    how = "Run `nbgrader db upgrade` in the course's folder"
    if database.on_server:  # nbgrader makes a copy of a file itself
        how = (
            f"Make a copy of it (pg_dump {database.name}), then run `nbgrader db upgrade` in the course's "
            "folder (where it fails, see the page `Coming from nbgrader`)"
        )
    if database.has_password:
        how += ", with the password in ~/.pgpass and not in the URL, which nbgrader prints"
    return GradebookUnavailable(
        f"In {database.shown} {', '.join(lacking)} is missing: an older nbgrader made its tables. {how}. "
        "Then give the same command again."
    )


def _outdated(connection: Any) -> list[str]:
    """Columns that nbgrader would look for in vain, in the tables that are there."""
    from nbgrader.api import Base
    from sqlalchemy import inspect

    there = {
        table: columns for (_, table), columns in inspect(connection).get_multi_columns().items()
    }
    return [
        f"{name}.{column.name}"
        for name, table in sorted(Base.metadata.tables.items())
        if name in there
        for column in table.columns
        if column.name not in {known["name"] for known in there[name]}
    ]


def _is_ready(connection: Any, ids: set[str]) -> bool:
    from nbgrader.api import Base, Course
    from sqlalchemy import inspect, select

    names = set(inspect(connection).get_table_names())
    if not names.issuperset(Base.metadata.tables) or not _is_noted(connection):
        return False
    return ids.issubset(connection.scalars(select(Course.id)))


def _is_noted(connection: Any) -> bool:
    """Whether the tables' version is known."""
    from sqlalchemy import inspect, text

    if "alembic_version" not in inspect(connection).get_table_names():
        return False
    return connection.execute(text("SELECT version_num FROM alembic_version")).first() is not None


def _make(connection: Any, version: str, ids: set[str]) -> None:
    """Whatever is not there yet; others may have made it since we looked."""
    from nbgrader.api import Base, Course
    from sqlalchemy import insert, select, text

    Base.metadata.create_all(connection)
    connection.execute(
        text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)")
    )
    if version and not _is_noted(connection):
        row = {"version": version}
        connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:version)"), row)
    for course_id in sorted(ids.difference(connection.scalars(select(Course.id)))):
        connection.execute(insert(Course).values(id=course_id))


def _version() -> str:
    """That of the tables of the nbgrader which is installed.

    nbgrader itself starts a program for it, by name, which imports nbgrader anew and takes seconds.
    """
    from alembic.script import ScriptDirectory
    from nbgrader.dbutil import ALEMBIC_DIR

    return str(ScriptDirectory(ALEMBIC_DIR).get_current_head())


def check_names(course: Course, assignment: str) -> None:
    """Refuse names that nbgrader's tables on a server do not take.

    Raises:
        KitError: naming the first of them.
    """
    if not database_of(course).on_server:
        return
    for where, name in _names(course, assignment):
        if len(name) > _LONGEST:
            raise KitError(
                f"{where} has {len(name)} characters, and PostgreSQL takes no more than {_LONGEST} in "
                f"a name of nbgrader's: `{name[:40]}…`. Give it a shorter one."
            )


def _names(course: Course, assignment: str) -> Iterator[tuple[str, str]]:
    yield "The assignment's name", assignment
    for name, source in course.notebooks(assignment).items():
        path = course.shown(source.path)
        yield f"The name of {path}", name
        for cell in source.notebook.cells:
            grade_id = grade_id_of(cell)
            if grade_id:
                yield f"{path}: the grade_id of a cell", grade_id
