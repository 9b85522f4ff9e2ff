"""Judges one submission without a gradebook: for a CI job, a student's appeal, another platform."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from autograder.autograde.judged import JudgedSubmission
from autograder.autograde.trials import Ticket, as_trial, new_draw
from autograder.course import Course
from autograder.course.bonus import check_bonus, given
from autograder.course.intake import name_of
from autograder.course.reading import Unreadable, read_notebook
from autograder.errors import KitError
from autograder.judge.job import Job
from autograder.judge.judge import not_submitted
from autograder.judge.ledger import ledger_path
from autograder.judge.service import judge_service
from autograder.judge.slots import check_walls
from autograder.judge.submission import Submission, read_one, read_submission
from autograder.scorecard import Scorecard, merge

_LOOKED_AT = 20  # notebooks of a folder


def assignment_of(course: Course, path: Path) -> str | None:
    """The assignment whose cells are in a notebook, or a folder of them; None where that is not certain."""
    sources = {
        f"{assignment}/{name}": source
        for assignment in course.assignments()
        for name, source in course.notebooks(assignment).items()
    }
    files = sorted(path.glob("*.ipynb"))[:_LOOKED_AT] if path.is_dir() else [path]
    found = set()
    for file in files if sources else []:
        with contextlib.suppress(Unreadable, OSError):
            known = name_of(read_notebook(file, course.settings.max_notebook_mib), sources)
            found |= {known.partition("/")[0]} if known else set()
    return found.pop() if len(found) == 1 else None


def score_path(
    course: Course,
    assignment: str,
    path: Path,
    student: str,
    only: Collection[str] = (),
    trial: bool = False,
) -> Scorecard:
    """Judge one submission without a gradebook: a folder with notebooks, or one notebook.

    Args:
        student: whose it is; a name for the card, which the marks do not depend on.
        only: the grade_ids to judge; all where it is empty.
        trial: with challenges of its own, and within what the course allows; see `trials`.

    Raises:
        KitError: when the path does not exist, the notebook is none of the assignment's, or an item
            does not exist.
        TrialsUsedUp: when the student has had all trials for now.
    """
    wanted = _notebooks_of(course, assignment, only)
    service = judge_service()
    if not ledger_path(course).exists():
        service.pool.prepare(course, assignment)  # while the submission is read
    read = read_submission if path.is_dir() else read_one
    submission = read(course, assignment, student, path)
    asked = _asking(submission, wanted, tuple(sorted(only)), new_draw() if trial else "")
    if not all(service.knows(job, asked.keys[name]) for name, job in asked.jobs.items()):
        service.pool.prepare(course, assignment)
    check_walls(course)
    check_bonus(course)
    ticket = Ticket(course, assignment, student, submission) if trial else None
    try:
        card = _judge(course, asked, only)
    except BaseException:
        if ticket:
            ticket.give_back()
        raise
    if ticket and card.reasons:
        ticket.give_back()
    return as_trial(card, course.settings.trial_shows) if trial else card


def _judge(course: Course, submission: Submission, only: Collection[str]) -> Scorecard:
    assignment, student = submission.assignment, submission.student
    judged = JudgedSubmission(submission)
    judged.begin()
    cards = [judged.judgement(name).card for name in submission.jobs]
    cards += [not_submitted(course, assignment, name, student, only) for name in submission.missing]
    if not cards:
        names = ", ".join(sorted(only))
        raise KitError(
            f"There is nothing of {names} in this file: name the notebook that holds it."
        )
    return merge(cards)


def _notebooks_of(course: Course, assignment: str, only: Collection[str]) -> set[str]:
    """The notebooks in which some items are.

    Raises:
        KitError: when there is no such item.
    """
    ids = {
        name: [cell.grade_id for cell in source.grade_cells] + [*given(course, assignment, name)]
        for name, source in course.notebooks(assignment).items()
    }
    known = {grade_id for found in ids.values() for grade_id in found}
    if unknown := sorted(set(only) - known):
        raise KitError(
            f"`{assignment}` has no item {', '.join(unknown)}. Its items: {', '.join(sorted(known))}."
        )
    return {name for name, found in ids.items() if not only or set(only) & set(found)}


def _asking(
    submission: Submission, wanted: set[str], only: tuple[str, ...], draw: str
) -> Submission:
    """The same submission, of which some items alone are judged, or with other challenges."""
    if not only and not draw:
        return submission

    def asking(job: Job) -> Job:
        bonus_files = tuple(
            file for file in job.bonus_files if not only or file.bonus.grade_id in only
        )
        return replace(job, only=only, draw=draw, bonus_files=bonus_files)

    jobs = {name: asking(job) for name, job in submission.jobs.items() if name in wanted}
    missing = tuple(name for name in submission.missing if name in wanted)
    asked = replace(submission, jobs=jobs, missing=missing)
    return replace(asked, keys=asked.keys_now())
