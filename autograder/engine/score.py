"""Judges one hand-in without a gradebook: for a CI job, a student's appeal, another platform."""

from __future__ import annotations

from pathlib import Path

from autograder.course import Course
from autograder.course.bonus import check_bonus
from autograder.engine.hand_ins import Intake, make_job, take_file, take_in
from autograder.engine.judge import not_handed_in
from autograder.engine.service import judge_service
from autograder.engine.slots import gpus_of
from autograder.errors import KitError
from autograder.sandbox import check_wall
from autograder.scorecard import Scorecard, merge


def score_path(course: Course, assignment: str, path: Path, student: str) -> Scorecard:
    """Judge one hand-in without a gradebook: a folder with notebooks, or one notebook.

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
        intake = take_in(course, assignment, student, path)
    else:
        found = take_file(course, assignment, path) if path.is_file() else None
        if found is None:
            raise KitError(
                f"{path} is no hand-in of `{assignment}`: name a folder, or one of the notebooks "
                f"{', '.join(f'{name}.ipynb' for name in sources)}."
            )
        name, taken = found
        job = make_job(course, assignment, student, sources[name], taken, path.parent)
        intake = Intake({name: job}, ())
    for job in intake.jobs.values():
        service.submit(job)
    cards = [service.result(job).card for job in intake.jobs.values()]
    cards += [not_handed_in(course, assignment, name, student) for name in intake.missing]
    return merge(cards)
