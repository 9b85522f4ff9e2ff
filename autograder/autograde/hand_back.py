"""Marks and feedback on their way back to a learning platform."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograder.autograde import collect
from autograder.autograde.gradebook import marks
from autograder.autograde.penalties import lateness
from autograder.autograde.records import graded, load_card
from autograder.course import Course
from autograder.errors import KitError
from autograder.files import zip_of
from autograder.lms.feedback_zip import canvas_notebook, moodle_path
from autograder.lms.marksheets import Filled, Mark, comment_of, fill
from autograder.lms.sheets import Sheet
from autograder.report.table import Submission, submissions
from autograder.scorecard import points_text


def fill_template(
    course: Course,
    assignment: str,
    platform: str,
    template: Path,
    column: str | None = None,
    comments: bool = False,
) -> Filled:
    """A platform's own mark sheet with the marks of all whose marks are complete.

    Args:
        comments: write what each item got into the sheet's comments, where they are empty.

    Raises:
        KitError: when the sheet is none of the platform's, or nothing is graded.
    """
    return fill(
        platform,
        Sheet.read(template),
        assignment,
        class_marks(course, assignment, comments),
        column,
    )


def class_marks(course: Course, assignment: str, comments: bool = False) -> list[Mark]:
    """The marks of a class; none of points where something waits."""
    known = collect.known(course, assignment)
    cards = graded(course, assignment)
    late = lateness(course, assignment)  # penalties are made again before marks are read
    return [
        Mark(
            one.card.student,
            max(0.0, one.score) if one.complete else None,
            comment_of(_lines(one)) if comments and one.complete else "",
            known.get(one.card.student, {}),
        )
        for one in submissions(cards, marks(course, assignment), late)
    ]


def _lines(one: Submission) -> list[str]:
    lines = [
        f"{row.item.grade_id}: {points_text(row.score or 0.0)} of {points_text(row.item.worth)}"
        for row in one.rows
    ]
    if one.late.penalty:
        lines.append(f"late: −{points_text(one.late.penalty)}")
    return lines


def feedback_zip(
    course: Course, assignment: str, platform: str
) -> tuple[bytes, list[str], list[str]]:
    """Feedback as the platform hands it out.

    Returns:
        the zip, whose feedback is in it, and notes on who is left out.

    Raises:
        KitError: when nothing was collected from that platform, or there is no feedback.
    """
    collected = {
        student: about
        for student, about in collect.load(course, assignment).items()
        if about["platform"] == platform
    }
    if not collected:
        raise KitError(
            f"Nothing of `{assignment}` was collected from {platform}, so nobody knows who is who there. "
            f"Give `autograder collect {assignment} ARCHIVE --from {platform}`; what is in submitted/ stays."
        )
    files: dict[str, bytes] = {}
    done, notes = [], []
    made = _for_canvas if platform == "canvas" else _for_moodle
    for student, about in sorted(collected.items()):
        found, why = made(course, assignment, student, about)
        files |= found
        if found:
            done.append(student)
        if why:
            notes.append(f"{student}: {why}")
    missing = sorted(set(course.students(assignment)) - collected.keys())
    notes += [f"{student}: not collected from {platform}" for student in missing]
    if not files:
        raise KitError(f"There is no feedback to hand out. {' '.join(notes)}".rstrip())
    return zip_of(dict(sorted(files.items())), zipfile.ZIP_DEFLATED), done, notes


def _for_moodle(
    course: Course, assignment: str, student: str, about: Mapping[str, Any]
) -> tuple[dict[str, bytes], str]:
    if "id" not in about["fields"]:
        return {}, "no worksheet said which participant this is (autograder collect, with --roster)"
    pages = sorted(course.feedback(student, assignment).glob("*.html"))
    if not pages:
        return {}, f"no feedback is written yet (autograder feedback {assignment})"
    who, number = about["fields"].get("name") or about["who"], about["fields"]["id"]
    return {moodle_path(who, number, page.name): page.read_bytes() for page in pages}, ""


def _for_canvas(
    course: Course, assignment: str, student: str, about: Mapping[str, Any]
) -> tuple[dict[str, bytes], str]:
    card = load_card(course, assignment, student)
    if card is None:
        return {}, "not graded"
    by_name = {f"{one.name}.ipynb": one for one in card.for_student().notebooks}
    found = {
        original: canvas_notebook(by_name[name])
        for name, original in about["files"].items()
        if name in by_name
    }
    lost = sorted(by_name.keys() - about["files"].keys())
    why = f"nothing to hang the feedback on for {', '.join(lost)}" if lost else ""
    return found, why
