"""nbgrader's own converters, run on a course: release, solution, feedback."""

from __future__ import annotations

import logging
from typing import Any

from autograder.course.course import Course
from autograder.errors import KitError


def run_converter(course: Course, assignment: str, kind: Any, student: str = "") -> None:
    """Run one of nbgrader's converters.

    Raises:
        KitError: when it stopped.
    """
    from nbgrader.coursedir import CourseDirectory

    log = logging.getLogger("autograder.nbgrader")
    directory = CourseDirectory(config=course.config)
    directory.assignment_id = assignment
    if student:
        directory.student_id = student
    converter = kind(coursedir=directory, config=course.config)
    converter.log = directory.log = log
    converter.force = True
    told = _Told()
    log.addHandler(told)
    try:
        converter.start()
    except Exception as error:
        raise KitError(
            f"nbgrader stopped: {told.first or error}. The log has the details."
        ) from error
    finally:
        log.removeHandler(told)


class _Told(logging.Handler):
    """The first error that nbgrader logs; what it raises in the end only says that there was one."""

    first = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR and not self.first:
            self.first = _in_a_line(record.getMessage().strip()).rstrip(".")


def _in_a_line(message: str) -> str:
    """A message as it is; of a traceback what it ends with."""
    _, traceback, after = message.rpartition("Traceback (most recent call last):\n")
    if not traceback:
        return message
    line = next((line for line in after.splitlines() if line[:1].strip()), message)
    kind, colon, said = line.partition(":")
    return f"{kind.rpartition('.')[2]}{colon}{said}"
