"""One grading run at a time on a course: two would write each other's marks."""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
from collections.abc import Iterator

from autograder import locks
from autograder.course import Course
from autograder.errors import KitError


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
            raise KitError(
                f"This course is being graded already: {file.read(300).strip() or 'by another run'}. "
                "Wait for it, or stop it; what it has judged is kept."
            )
        file.truncate(0)
        since = datetime.datetime.now().astimezone().isoformat(" ", "minutes")
        file.write(
            f"`{assignment}`, process {os.getpid()} on {socket.gethostname()}, since {since}"
        )
        file.flush()
        yield
