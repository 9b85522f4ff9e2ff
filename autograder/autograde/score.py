"""Judges one submission without a gradebook: for a CI job, a student's appeal, another platform."""

from __future__ import annotations

from pathlib import Path

from autograder.autograde.judged import JudgedSubmission
from autograder.course import Course
from autograder.course.bonus import check_bonus
from autograder.judge.judge import not_submitted
from autograder.judge.service import judge_service
from autograder.judge.slots import gpus_of, weakest_wall
from autograder.judge.submission import read_one, read_submission
from autograder.sandbox import check_wall
from autograder.scorecard import Scorecard, merge


def score_path(course: Course, assignment: str, path: Path, student: str) -> Scorecard:
    """Judge one submission without a gradebook: a folder with notebooks, or one notebook.

    Args:
        student: whose it is; a name for the card, which the marks do not depend on.

    Raises:
        KitError: when the path does not exist or the notebook is none of the assignment's.
    """
    for gpu in gpus_of(course):
        check_wall(gpu, weakest_wall(course))
    check_bonus(course)
    judge_service().prepare(course)
    read = read_submission if path.is_dir() else read_one
    submission = read(course, assignment, student, path)
    judged = JudgedSubmission(submission)
    judged.begin()
    cards = [judged.judgement(name).card for name in submission.jobs]
    cards += [not_submitted(course, assignment, name, student) for name in submission.missing]
    return merge(cards)
