"""Where a course's gradebook is: a file of SQLite, or a database on a PostgreSQL server.

nbgrader takes any URL that SQLAlchemy knows, from c.CourseDirectory.db_url. There may be a password in it, so
no URL is shown or logged: messages name a gradebook by `shown`, and what others say goes through `hide`.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from autograder.course.course import Course
from autograder.errors import KitError

WAIT_S = 60  # for another program that holds the gradebook
_CONNECT_S = 10  # for a server that does not answer; the system itself waits for minutes
DRIVERS = ("psycopg", "psycopg2")  # of those that SQLAlchemy knows, what waits in the same words


@dataclass(frozen=True)
class Database:
    """Where a gradebook is."""

    url: str = field(repr=False)
    shown: str  # for people
    on_server: bool
    name: str = ""  # of the database on its server
    _secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def has_password(self) -> bool:
        """Whether a password stands in the URL."""
        return bool(self._secrets)

    def hide(self, text: str) -> str:
        """A text without the password, in whatever form it may be in it."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    @property
    def url_with_waits(self) -> str:
        """The URL with how long to wait, and with who is waiting, where it says nothing of that."""
        if not self.on_server:
            if self.url.startswith("sqlite:///") and "?" not in self.url:
                return f"{self.url}?timeout={WAIT_S}"  # SQLite itself waits for 5 seconds
            return self.url
        from sqlalchemy.engine import make_url

        url = make_url(self.url)
        # PostgreSQL cuts it at 63 signs.
        who = f"autograder, process {os.getpid()} on {socket.gethostname()}"
        if url.get_driver_name() not in DRIVERS:
            return self.url
        known = {"connect_timeout": str(_CONNECT_S), "application_name": who, **url.query}
        return str(url.set(query=known).render_as_string(hide_password=False))

    def limit_waits(self, connection: Any) -> None:
        """Wait on this connection no longer for what another program writes; a server waits for ever."""
        if self.on_server:
            with connection.begin():
                connection.exec_driver_sql(f"SET lock_timeout = {int(WAIT_S * 1000)}")


def database_of(course: Course) -> Database:
    """Where the gradebook of a course is; it is not looked for.

    Raises:
        KitError: when its URL cannot be read.
    """
    url = str(course.config.CourseDirectory.db_url)
    if url.startswith("sqlite:"):
        path = url.removeprefix("sqlite:///").partition("?")[0]
        return Database(url, path.removeprefix(f"{course.root}/"), False)
    from sqlalchemy.engine import make_url

    try:
        read = make_url(url)
        kind = read.get_backend_name()
    except Exception:
        read = None
    # A second @ is of a password that was not encoded: SQLAlchemy takes its rest for a host. What it quotes
    # may be the password as well, so this stands outside of `except`.
    if read is None or "@" in f"{read.host}{read.database}":
        raise KitError(
            "c.CourseDirectory.db_url is no URL of a database. Write it as in "
            "postgresql+psycopg://USER@HOST/DATABASE; in a password @, :, / and % are %40, %3A, %2F and %25."
        )
    if kind != "postgresql":
        raise KitError(
            f"c.CourseDirectory.db_url names `{kind}`: a gradebook is a file of SQLite, or in PostgreSQL, "
            "postgresql+psycopg://USER@HOST/DATABASE."
        )
    hosts = read.query.get("host", read.host or "this machine")
    where = hosts if isinstance(hosts, str) else ", ".join(hosts)
    port = read.query.get("port", read.port)
    where += f":{port}" if isinstance(port, (int, str)) and not where.startswith("/") else ""
    name = read.database or read.username or ""
    secrets = [read.password, read.query.get("password"), read.query.get("sslpassword")]
    forms = {form for one in secrets if one for form in (str(one), quote(str(one), safe=""))}
    forms |= {written for written in _as_written(url) if read.password}
    # Longest first: one may be a part of another.
    by_length = tuple(sorted(forms, key=len, reverse=True))
    shown = f"the gradebook `{name}` on {where} (PostgreSQL)"
    return Database(url, shown, True, name, by_length)


def _as_written(url: str) -> list[str]:
    """The password as it stands in a URL, which may encode signs that need not be."""
    user, at, _ = url.partition("://")[2].rpartition("@")
    written = user.partition(":")[2]
    return [written] if at and written else []
