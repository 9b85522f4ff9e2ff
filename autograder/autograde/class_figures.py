"""The report of a class from what the course keeps: scorecards, and the gradebook's marks."""

from __future__ import annotations

from typing import Any

from autograder.autograde.gradebook import marks
from autograder.autograde.records import graded
from autograder.course import Course
from autograder.report.class_report import class_report
from autograder.report.statistics import ItemOf


def report_of(course: Course, assignment: str, names: bool = False) -> dict[str, Any]:
    """What a class did with an assignment, as `report/class_report.py` tells.

    Raises:
        KitError: when there is no such assignment, or nothing of it is graded.
    """
    items = [
        ItemOf(name, cell.grade_id, cell.max_score, cell.manual)
        for name, source in course.notebooks(assignment).items()
        for cell in source.grade_cells
        if cell.max_score > 0
    ]
    cards = graded(course, assignment)
    return class_report(assignment, items, cards, marks(course, assignment), names)
