"""One grading run at a time on a course: two would write each other's marks.

A lock on a file holds off whoever uses this folder. A gradebook on a server may be another folder's as well,
so a run locks that, too.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
from collections.abc import Iterator
from typing import Any

from autograder import locks
from autograder.course import Course
from autograder.errors import KitError

_RUN = 0x6E626701  # the number of a server's lock for those who grade


@contextlib.contextmanager
def only_run(course: Course, assignment: str) -> Iterator[None]:
    """Hold the course's lock, which the system takes back when the process ends in whatever way.

    Raises:
        KitError: when another run holds it; says which.
    """
    path = course.make_records() / "grading.lock"
    with path.open("a+") as file:
        if not locks.lock(file):
            file.seek(0)
            raise _graded_already(file.read(300).strip())
        file.truncate(0)
        since = datetime.datetime.now().astimezone().isoformat(" ", "minutes")
        file.write(
            f"`{assignment}`, process {os.getpid()} on {socket.gethostname()}, since {since}"
        )
        file.flush()
        yield


def claim(connection: Any) -> None:
    """Hold a gradebook's lock on its server, which takes it back when the connection ends in whatever way.

    Raises:
        KitError: when another run holds it; says which.
    """
    from sqlalchemy import text

    if connection.scalar(text(f"SELECT pg_try_advisory_lock({_RUN})")):
        return
    holder = connection.scalar(
        text(
            "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
            f" WHERE locktype = 'advisory' AND objid = {_RUN} AND datname = current_database()"
        )
    )
    raise _graded_already(holder or "")


def _graded_already(holder: str) -> KitError:
    return KitError(
        f"This course is being graded already: {holder or 'by another run'}. "
        "Wait for it, or stop it; what it has judged is kept."
    )
