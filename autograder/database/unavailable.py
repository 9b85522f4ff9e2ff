"""Why a gradebook cannot be used: held, damaged, away, closed to us. One sentence for each."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from autograder.course.course import Course
from autograder.database.place import DRIVERS, Database, database_of
from autograder.errors import KitError, causes

_HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_CLOSED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_AGAIN = "then give the same command again. What was judged is kept."
_INSTALL = "pip install 'autograder-kit[postgresql]'"


class GradebookUnavailable(KitError):
    """The gradebook cannot be used now, so nobody's marks can be written."""


class GradebookInUse(GradebookUnavailable):
    """Another program holds the gradebook, and did not let it go while we waited."""


@contextmanager
def naming_trouble(course: Course) -> Iterator[None]:
    """Say in one sentence why the gradebook cannot be used: held, damaged, away, closed to us.

    Raises:
        GradebookUnavailable: in the place of what SQLite, a server, SQLAlchemy or nbgrader raised, however
            deep.
        KitError: where a file of SQLite is damaged.
    """
    try:
        yield
    except GradebookUnavailable:
        raise
    except Exception as error:
        database = database_of(course)
        trouble = (_on_server if database.on_server else _in_file)(database, error)
        if trouble is None:
            raise
        raise trouble from error


def _in_file(database: Database, error: Exception) -> KitError | None:
    for one in causes(error):
        code = getattr(one, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED:
            return KitError(
                f"{database.shown} is damaged, or no gradebook: put a copy of it back, or move it away, "
                "release and grade again. Marks that people gave are nowhere else."
            )
        if code in _HELD:
            return _in_use(database)
        if code in _CLOSED:
            return GradebookUnavailable(
                f"{database.shown} cannot be opened for writing: let who grades write to it and its folder, "
                f"or move the course to where that can be done, {_AGAIN}"
            )
    return None


def _in_use(database: Database) -> GradebookInUse:
    return GradebookInUse(
        f"{_begin(database)} is in use by another program: close the formgrader, {_AGAIN}"
    )


def _begin(database: Database) -> str:
    """A gradebook's name at the beginning of a sentence; a file's stays as it is."""
    return database.shown[0].upper() + database.shown[1:] if database.on_server else database.shown


# What a server says in five signs (PostgreSQL, Appendix A): what it is, and what to do.
_BY_STATE = {
    "42501": (
        "lets this user make or change no tables",
        "Let the database belong to the user that c.CourseDirectory.db_url names",
    ),
    "53100": ("has no room left on its server's disk", "Make room there"),
    "53300": ("has no free connection", "Wait, or allow its server more of them"),
    "25006": (
        "can only be read",
        "Name the server that writes, in c.CourseDirectory.db_url",
    ),
}
_WAITED = {"55P03", "57014", "40P01", "40001"}  # for a lock, for an answer, for each other
# Before there is a connection it only says words, and in its own language: none of these may be known.
_BY_WORDS = {
    r"password authentication failed|no password supplied|role .* does not exist": (
        "Correct the user or the password, in c.CourseDirectory.db_url or in the file ~/.pgpass"
    ),
    r"database .* does not exist": "Make it, on the server: createdb --owner=USER {name}",
}


def _on_server(database: Database, error: Exception) -> KitError | None:
    for one in causes(error):
        if isinstance(one, ImportError) and _is_of_a_driver(one):
            return GradebookUnavailable(
                f"{_begin(database)} needs a driver that is not installed, or does not start here: "
                f"{next(iter(str(one).splitlines()), '')}. Run `{_INSTALL}`, and begin "
                "c.CourseDirectory.db_url with postgresql+psycopg://."
            )
        kind = type(one)
        if kind.__name__ == "NoSuchModuleError":
            return GradebookUnavailable(
                f"{_begin(database)} is named by a driver that SQLAlchemy does not know. Begin "
                f"c.CourseDirectory.db_url with postgresql+psycopg://, and run `{_INSTALL}`."
            )
        if getattr(one, "code", "") == "8s2b":  # SQLAlchemy's, of a step after one that lost it
            return _away(database, "the connection was lost")
        if kind.__module__.split(".")[0] not in DRIVERS:
            continue
        state = getattr(one, "sqlstate", None) or getattr(one, "pgcode", None) or ""
        if state in _WAITED:
            return _in_use(database)
        if state in _BY_STATE:
            what, repair = _BY_STATE[state]
            return GradebookUnavailable(f"{_begin(database)} {what}. {repair}, {_AGAIN}")
        if (
            state[:2] in ("08", "57", "28", "3D")
            or state == "25P03"
            or (not state and kind.__name__ in ("OperationalError", "InterfaceError"))
        ):
            return _away(database, str(one))
    return None


def _is_of_a_driver(error: ImportError) -> bool:
    # psycopg without libpq says so in an error that names no module.
    return (error.name or "").split(".")[0] in DRIVERS or "pq wrapper" in str(error)


def _away(database: Database, said: str) -> GradebookUnavailable:
    first = next(iter(said.strip().splitlines()), "").removeprefix("connection failed: ")
    first = database.hide(first).rstrip(".: ")
    repair = "See that its server runs, and lets this machine in"
    for words, text in _BY_WORDS.items():
        if re.search(words, first):
            repair = text.format(name=database.name)
    return GradebookUnavailable(
        f"{_begin(database)} cannot be reached: {first}. {repair}, {_AGAIN}"
    )
