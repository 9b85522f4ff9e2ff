"""Feedback for a class: a page for each graded notebook, by nbgrader's generate_feedback."""

from __future__ import annotations

from pathlib import Path

from autograder.course import Course
from autograder.course.converters import run_converter


def write_feedback(course: Course, assignment: str, pattern: str) -> Path:
    """Write `feedback/<student>/<assignment>` for every graded submission."""
    from nbgrader.converters import GenerateFeedback

    run_converter(course, assignment, GenerateFeedback, pattern)
    return course.root / "feedback"
