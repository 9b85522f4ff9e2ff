"""Writes what was judged: marks, scorecards, autograded notebooks, and the note that a submission is done."""

from __future__ import annotations

import logging
import shutil

from autograder import files
from autograder.autograde import gradebook
from autograder.autograde.judged import JudgedSubmission
from autograder.autograde.marks import write_marks
from autograder.autograde.records import begin, mark_done
from autograder.course import Course
from autograder.course.bonus import ordinary_cells
from autograder.database import GradebookUnavailable
from autograder.errors import KitError
from autograder.judge.judge import not_submitted, ungraded_items
from autograder.scorecard import NotebookCard, Scorecard, merge

log = logging.getLogger("autograder")


def write(judged: JudgedSubmission, inputs: str, regrade: str = "") -> Scorecard:
    """Keep a judged submission: all of it or, after a failure, nothing but the reason.

    Marks and scorecards are kept in one step; that the submission is done is noted after it. So
    whatever stops this, at worst the submission is written again.

    Args:
        inputs: a digest of all that the marks were made from.
        regrade: the running regrade's name, if there is one.

    Returns:
        the card of the submission, on which it may be said why staff must act.

    Raises:
        Exception: where the disk is full or the gradebook cannot be used, for then that would be so for the
            next one, too.
    """
    submission = judged.submission
    course, assignment, student = submission.course, submission.assignment, submission.student
    begin(course, assignment, student, course.notebooks(assignment))
    try:
        with gradebook.entry(course):
            if submission.jobs:
                from autograder.autograde.converter import convert  # loads nbgrader

                convert(judged)
            else:
                shutil.rmtree(course.autograded(student, assignment), ignore_errors=True)
                gradebook.create_submission(course, assignment, student)
            for name in submission.missing:
                card = not_submitted(course, assignment, name, student)
                judged.cards[name] = write_marks(course, card, answers={})
        if len(judged.cards) < len(course.notebooks(assignment)):
            raise KitError(
                "no marks were written; is SaveAutoGrades among nbgrader's preprocessors?"
            )
        card = merge([card for _, card in sorted(judged.cards.items())])
        if not card.reasons:  # else the next run tries again
            mark_done(course, assignment, student, inputs, regrade)
        return card
    except GradebookUnavailable:
        raise
    except Exception as error:
        full = files.no_room(error)
        if full is not None and not files.has_plenty(files.full_disk_of(full, course.records)):
            raise
        log.exception("%s: the marks could not be kept", student)
        reason = f"the marks could not be kept: {type(error).__name__}: {error}"
        return withdraw(course, assignment, student, reason)


def withdraw(course: Course, assignment: str, student: str, reason: str) -> Scorecard:
    """After a failure of ours: nothing is graded, and staff read why, on the card."""
    sources = course.notebooks(assignment)
    begin(course, assignment, student, sources)
    cards = []
    for name, source in sources.items():
        items = ungraded_items(ordinary_cells(course, assignment, source), reason)
        cards.append(Scorecard(assignment, student, (NotebookCard(name, items, reason),)))
    try:
        with gradebook.entry(course):
            gradebook.create_submission(course, assignment, student)
            for card in cards:
                write_marks(course, card, answers=None)
    except Exception as error:
        if files.no_room(error) is not None or isinstance(error, GradebookUnavailable):
            raise
        # What is in the gradebook stays; the next run tries again.
        log.exception("%s: not even that could be written", student)
    return merge(cards)
