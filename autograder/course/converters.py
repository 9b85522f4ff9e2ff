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
    try:
        converter.start()
    except Exception as error:
        raise KitError(f"nbgrader stopped: {error}. The log has the details.") from error
