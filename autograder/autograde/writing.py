"""Writes what was judged: marks, scorecards, autograded notebooks, and the note that a submission is done."""

from __future__ import annotations

import logging
import shutil

from autograder import files
from autograder.autograde import gradebook
from autograder.autograde.records import (
    begin,
    changed_answers,
    load_card,
    mark_done,
    stage_answers,
    stage_card,
)
from autograder.course import Course
from autograder.course.bonus import ordinary_cells
from autograder.errors import KitError
from autograder.judge.submission import Submission
from autograder.scorecard import NotebookCard, Scorecard, merge

log = logging.getLogger("autograder")


def write(
    course: Course,
    assignment: str,
    student: str,
    intake: Submission,
    inputs: str,
    regrade: str = "",
) -> Scorecard:
    """Keep a judged submission: all of it or, after a failure, nothing but the reason.

    Marks and scorecards are kept in one step; that the submission is done is noted after it. So whatever
    stops this, at worst the submission is written again.

    Args:
        inputs: a digest of all that the marks were made from.
        regrade: the running regrade's name, if there is one.

    Returns:
        the card of the submission, on which it may be said why staff must act.

    Raises:
        Exception: where the disk is full, for then it would be for the next one, too.
    """
    begin(course, assignment, student, course.notebooks(assignment))
    try:
        with gradebook.entry(course):
            if intake.jobs:
                from autograder.autograde.converter import convert  # loads nbgrader

                convert(course, assignment, student, intake.taken)
            else:
                shutil.rmtree(course.autograded(student, assignment), ignore_errors=True)
                gradebook.create_submission(course, assignment, student)
            for name in intake.missing:
                _write_missing(course, assignment, student, name)
        card = load_card(course, assignment, student)
        if card is None:
            raise KitError(
                "no scorecard was written; is SaveAutoGrades among nbgrader's preprocessors?"
            )
        if not card.reasons:  # else the next run tries again
            mark_done(course, assignment, student, inputs, regrade)
        return card
    except Exception as error:
        full = files.no_room(error)
        if full is not None and not files.has_plenty(files.full_disk_of(full, course.records)):
            raise
        log.exception("%s: the marks could not be kept", student)
        reason = f"the marks could not be kept: {type(error).__name__}: {error}"
        return withdraw(course, assignment, student, reason)


def withdraw(course: Course, assignment: str, student: str, reason: str) -> Scorecard:
    """After a failure of ours: nothing is graded, and staff read why, on the card."""
    from autograder.judge.judge import ungraded_items

    sources = course.notebooks(assignment)
    begin(course, assignment, student, sources)
    cards = [
        Scorecard(
            assignment,
            student,
            (
                NotebookCard(
                    name, ungraded_items(ordinary_cells(course, assignment, source), reason), reason
                ),
            ),
        )
        for name, source in sources.items()
    ]
    try:
        with gradebook.entry(course) as writing:
            gradebook.withdraw(course, assignment, student)
            for card in cards:
                writing.keep(stage_card(course, card))
    except Exception as error:
        if files.no_room(error) is not None:
            raise
        # As while somebody else keeps the gradebook locked: what is in it stays; the next run tries again.
        log.exception("%s: not even that could be written", student)
    return merge(cards)


def _write_missing(course: Course, assignment: str, student: str, name: str) -> None:
    """The card and the marks of a notebook that is not there; also marks by hand of an older one go."""
    from autograder.judge.judge import not_submitted

    card = not_submitted(course, assignment, name, student)
    stale = changed_answers(course, assignment, student, name, {})
    with gradebook.entry(course) as writing:
        card = gradebook.save_card(course, card, stale)
        writing.keep(stage_card(course, card))
        writing.keep(stage_answers(course, assignment, student, name, {}))
