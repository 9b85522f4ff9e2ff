"""Grades a class: every hand-in ends with marks or with a named reason for staff."""

from __future__ import annotations

import logging
import re
import shutil
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course import Course
from autograder.course.course import digest
from autograder.engine import gradebook
from autograder.engine.hand_ins import Intake, make_job, take_file, take_in
from autograder.engine.inputs import judgement_key
from autograder.engine.job import Judgement
from autograder.engine.lock import only_run
from autograder.engine.records import (
    changed_answers,
    forget,
    is_done,
    keep_answers,
    load_card,
    mark_done,
    save_card,
)
from autograder.engine.service import judge_service
from autograder.errors import KitError
from autograder.sandbox import BoxSettings, check_wall
from autograder.scorecard import NotebookCard, Scorecard, merge

log = logging.getLogger("autograder")

_USABLE = re.compile(r"[\w.@ -]{1,120}")  # ids of students; letters of any script

_AHEAD = 4  # hand-ins a worker that are judged, or being judged, before their marks are written

Progress = Callable[[str, int, int], None]  # what is being done, how many are done, of how many


class Stopped(Exception):
    """Somebody stopped the run, after so many of so many hand-ins."""

    def __init__(self, done: int, students: int) -> None:
        super().__init__(f"stopped after {done} of {students} hand-ins")
        self.done, self.students = done, students


@dataclass
class ClassRun:
    """What a grading run did."""

    cards: list[Scorecard] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # students whose hand-in was graded before
    reasons: dict[str, list[str]] = field(default_factory=dict)  # by student: why staff must act
    notes: list[str] = field(default_factory=list)  # for staff, on the run as a whole


def grade_class(
    course: Course,
    assignment: str,
    pattern: str = "*",
    regrade: bool = False,
    progress: Progress = lambda *_: None,
    stopping: Callable[[], bool] = lambda: False,
) -> ClassRun:
    """Grade the hand-ins of an assignment, through nbgrader's own converter.

    Hand-ins are judged side by side, and each goes into the gradebook as soon as it is judged. One that
    was graded before and has not changed is left alone, unless `regrade`; one that staff had to look
    at is tried again.

    Args:
        stopping: asked again and again; once it says so, nothing new is begun.

    Raises:
        KitError: when nothing can be graded at all (no box, no assignment, nobody handed in), or
            another run is grading this course.
        Stopped: when `stopping` said so. What was judged by then is kept.
    """
    judge_service().check(BoxSettings(config=course.config).gpu)
    sources = course.notebooks(assignment)
    gradebook.check_released(course, assignment, sources)
    students = course.students(assignment, pattern)
    if not students:
        raise KitError(
            f"Nobody handed in `{assignment}`: there is no folder "
            f"{course.root / 'submitted'}/{pattern}/{assignment}."
        )
    run = ClassRun()
    for student in [name for name in students if not _USABLE.fullmatch(name)]:
        students.remove(student)
        run.reasons[student] = [
            f"rename its folder: {student!r} is no id that nbgrader's pages can show"
        ]
    with only_run(course, assignment):
        graded = _grade_all(course, assignment, students, run, regrade, progress, stopping)
    if graded:
        from autograder.engine.thresholds import fit  # not before it is needed: imports torch

        run.notes += fit(course, assignment)
    for student in students:
        card = load_card(course, assignment, student)
        if card is not None:
            run.cards.append(card)
            if card.reasons:
                run.reasons[student] = card.reasons
    return run


def _inputs(course: Course, intake: Intake) -> str:
    """A digest of all that the marks of a hand-in depend on."""
    keys = [judgement_key(course, job) for job in intake.jobs.values()]
    return digest(*keys, *intake.missing)


def _grade_all(
    course: Course,
    assignment: str,
    students: list[str],
    run: ClassRun,
    anew: bool,
    progress: Progress,
    stopping: Callable[[], bool],
) -> int:
    """Judge and keep what needs it, some hand-ins ahead of the gradebook; how many that were."""
    service = judge_service()
    waiting = deque(students)
    under_way: dict[str, tuple[Intake, list[Future[Judgement]]]] = {}
    graded = 0
    try:
        while waiting or under_way:
            while waiting and len(under_way) < _AHEAD * service.workers:
                student = waiting.popleft()
                intake = _take_in(course, assignment, student, run, anew)
                if intake is not None:
                    jobs = [service.submit(job, anew) for job in intake.jobs.values()]
                    under_way[student] = (intake, jobs)
            judged = [
                name
                for name, (_intake, jobs) in under_way.items()
                if all(job.done() for job in jobs)
            ]
            for student in judged[:1]:  # one at a time: the workers want to be fed in between
                service.raise_if_lost(under_way[student][1])
                _finish(course, assignment, student, under_way.pop(student)[0])
                graded += 1
            done = len(students) - len(waiting) - len(under_way)
            progress(f"grading {', '.join(list(under_way)[:3])}", done, len(students))
            if stopping():
                raise Stopped(done, len(students))
            if not judged:
                open_jobs = [job for _intake, jobs in under_way.values() for job in jobs]
                wait(open_jobs, timeout=0.5, return_when=FIRST_COMPLETED)
    except BaseException:
        service.stop()
        raise
    return graded


def _take_in(
    course: Course, assignment: str, student: str, run: ClassRun, anew: bool
) -> Intake | None:
    """A hand-in that is to be graded; None for one that need not or cannot be."""
    try:
        intake = take_in(course, assignment, student, course.submitted(student, assignment))
    except Exception as error:
        log.exception("%s: the hand-in could not be read", student)
        reason = f"the hand-in could not be read: {type(error).__name__}: {error}"
        _withdraw(course, assignment, student, reason)
        return None
    if not anew and is_done(course, assignment, student, _inputs(course, intake)):
        run.kept.append(student)
        return None
    return intake


def _finish(course: Course, assignment: str, student: str, intake: Intake) -> None:
    """Marks into the gradebook, scorecards to the records; a failure of ours is this student's only."""
    forget(course, assignment, student)
    autograded = course.autograded(student, assignment)
    try:
        if intake.jobs:
            gradebook.run_nbgrader(course, assignment, student, list(intake.jobs))
        else:
            shutil.rmtree(autograded, ignore_errors=True)
            gradebook.create_submission(course, assignment, student)
        for name in intake.missing:
            _save_missing(course, assignment, student, name)
        kept = load_card(course, assignment, student)
        if kept is not None and not kept.reasons:  # else the next run tries again
            mark_done(course, assignment, student, _inputs(course, intake))
    except Exception as error:
        log.exception("%s: the marks could not be kept", student)
        reason = f"the marks could not be kept: {type(error).__name__}: {error}"
        _withdraw(course, assignment, student, reason)
    finally:
        for job in intake.jobs.values():
            judge_service().forget(job)


def _save_missing(course: Course, assignment: str, student: str, name: str) -> None:
    """The card and the marks of a notebook that is not there; also marks by hand of an older one go."""
    from autograder.engine.judge import not_handed_in

    card = not_handed_in(course, assignment, name, student)
    stale = changed_answers(course, assignment, student, name, {})
    card = gradebook.save_card(course, card, stale)
    save_card(course, card)
    keep_answers(course, assignment, student, name, {})


def _withdraw(course: Course, assignment: str, student: str, reason: str) -> None:
    """After a failure of ours: nothing is graded, and staff read why."""
    from autograder.engine.judge import ungraded_items

    forget(course, assignment, student)
    gradebook.withdraw(course, assignment, student)
    for name, source in course.notebooks(assignment).items():
        card = NotebookCard(name, ungraded_items(source, reason), reason)
        save_card(course, Scorecard(assignment, student, (card,)))


def score_path(course: Course, assignment: str, path: Path, student: str) -> Scorecard:
    """Judge one hand-in without a gradebook: a folder with notebooks, or one notebook.

    Args:
        student: whose it is; a name for the card, which the marks do not depend on.

    Raises:
        KitError: when the path does not exist or the notebook is none of the assignment's.
    """
    check_wall(BoxSettings(config=course.config).gpu)
    from autograder.engine.judge import not_handed_in

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
    service = judge_service()
    for job in intake.jobs.values():
        service.submit(job)
    cards = [service.result(job).card for job in intake.jobs.values()]
    cards += [not_handed_in(course, assignment, name, student) for name in intake.missing]
    return merge(cards)
