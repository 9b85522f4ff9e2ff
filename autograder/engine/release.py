"""Releases an assignment: the students' version from the source, through nbgrader."""

from __future__ import annotations

import copy
import dataclasses
import logging
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.errors import KitError


def release(course: Course, assignment: str) -> Path:
    """Write `release/<assignment>` and make the assignment known to the gradebook.

    Raises:
        KitError: when a source notebook is damaged, or nbgrader refuses it.
    """
    from nbgrader.converters import GenerateAssignment

    course.notebooks(assignment)  # refuses what is damaged, by name
    course.make_records()
    _convert(course, assignment, GenerateAssignment)
    return course.root / "release" / assignment


def solution(course: Course, assignment: str, unsafe_no_box: bool = False) -> Path:
    """Write `solutions/<assignment>`: the source with its solutions, executed in the box.

    Args:
        unsafe_no_box: run them in an ordinary kernel instead. These are the course's own notebooks;
            there is no such way for a hand-in.
    """
    from nbgrader.converters import GenerateSolution

    course.notebooks(assignment)
    if unsafe_no_box:
        config = copy.deepcopy(course.config)
        steps = [name for name in config.GenerateSolution.preprocessors if "RunInBox" not in name]
        config.GenerateSolution.preprocessors = [*steps, "nbgrader.preprocessors.Execute"]
        course = dataclasses.replace(course, config=config)
    _convert(course, assignment, GenerateSolution)
    return course.root / "solutions" / assignment


def feedback(course: Course, assignment: str, pattern: str) -> Path:
    """Write `feedback/<student>/<assignment>` for every graded hand-in."""
    from nbgrader.converters import GenerateFeedback

    _convert(course, assignment, GenerateFeedback, pattern)
    return course.root / "feedback"


def _convert(course: Course, assignment: str, kind: Any, student: str = "") -> None:
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
