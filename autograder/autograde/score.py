"""Judges one submission without a gradebook: for a CI job, a student's appeal, another platform."""

from __future__ import annotations

from pathlib import Path

from autograder.course import Course
from autograder.course.bonus import check_bonus
from autograder.errors import KitError
from autograder.judge.judge import not_submitted
from autograder.judge.service import judge_service
from autograder.judge.slots import gpus_of
from autograder.judge.submission import Submission, make_job, read_file, read_submission
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
        check_wall(gpu)
    check_bonus(course)
    service = judge_service()
    service.prepare(course)
    sources = course.notebooks(assignment)
    if path.is_dir():
        intake = read_submission(course, assignment, student, path)
    else:
        found = read_file(course, assignment, path) if path.is_file() else None
        if found is None:
            raise KitError(
                f"{path} is no submission of `{assignment}`: name a folder, or one of the notebooks "
                f"{', '.join(f'{name}.ipynb' for name in sources)}."
            )
        name, taken = found
        job = make_job(course, assignment, student, sources[name], taken, path.parent)
        intake = Submission({name: job}, ())
    for job in intake.jobs.values():
        service.submit(job)
    cards = [service.result(job).card for job in intake.jobs.values()]
    cards += [not_submitted(course, assignment, name, student) for name in intake.missing]
    return merge(cards)
