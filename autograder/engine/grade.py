"""Grades a class: every hand-in ends with marks or with a named reason for staff."""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path

from autograder import __version__
from autograder.course import Course
from autograder.course.bonus import check_bonus
from autograder.course.course import digest
from autograder.engine import gradebook, room, writing
from autograder.engine.class_run import ClassRun, Origin
from autograder.engine.forked import run_in_worker
from autograder.engine.hand_ins import Intake, make_job, take_file, take_in
from autograder.engine.inputs import judgement_key
from autograder.engine.job import Judgement
from autograder.engine.lock import only_run
from autograder.engine.records import is_done, load_card, was_graded
from autograder.engine.service import judge_service
from autograder.engine.slots import gpus_of
from autograder.errors import KitError
from autograder.sandbox import check_wall
from autograder.scorecard import Scorecard, Verdict, merge

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
class _UnderWay:
    """A hand-in that is being judged."""

    intake: Intake
    keys: dict[str, str]  # what the judgement of each notebook depends on
    jobs: list[Future[Judgement]] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    since_s: float = field(default_factory=time.monotonic)

    @property
    def inputs(self) -> str:
        """A digest of all that the marks depend on."""
        return digest(*self.keys.values(), *self.intake.missing)

    def is_judged(self) -> bool:
        return all(job.done() for job in self.jobs)


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
    for gpu in gpus_of(course):
        judge_service().check(gpu)
    check_bonus(course)
    students = course.students(assignment, pattern)
    if regrade or not all(was_graded(course, assignment, name) for name in students):
        judge_service().prepare(course)  # while the gradebook is opened and hand-ins are read
    sources = course.notebooks(assignment)
    gradebook.check_released(course, assignment, sources)
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
    log.info(
        "grading `%s`: %s hand-ins, version %s%s",
        assignment,
        len(students),
        __version__,
        ", whatever was judged before" if regrade else "",
    )
    try:
        with only_run(course, assignment), room.named(course.records), gradebook.held_open(course):
            _grade_all(course, assignment, students, run, regrade, progress, stopping)
    except Stopped as stopped:
        log.warning("%s", stopped)
        raise
    except BaseException:
        log.exception("the run ended early")
        raise
    if (run.graded or run.from_ledger) and (course.graders(assignment) / "calibrate.py").is_file():
        try:
            run.notes += run_in_worker(_misfits, course, assignment)
        except KitError as error:
            run.notes.append(f"the thresholds of `{assignment}` were not checked: {error}")
    run.notes += judge_service().troubles()
    cards = (load_card(course, assignment, student) for student in students)
    run.cards += [card for card in cards if card is not None]
    run.notes += dict.fromkeys(text for card in run.cards for text in card.staff_notes)
    log.info("done: %s", {name: count for name, (count, _) in run.counts().items()})
    return run


def _misfits(course: Course, assignment: str) -> list[str]:
    """Runs in a worker, which has torch: this process does without it, and its seconds of imports."""
    from autograder.engine.calibration.thresholds import fit

    return fit(course, assignment)


def _grade_all(
    course: Course,
    assignment: str,
    students: list[str],
    run: ClassRun,
    anew: bool,
    progress: Progress,
    stopping: Callable[[], bool],
) -> None:
    """Judge and keep what needs it, some hand-ins ahead of the gradebook."""
    service = judge_service()
    waiting = deque(students)
    under_way: dict[str, _UnderWay] = {}
    judged_keys: set[str] = set()  # of what is judged in this run
    try:
        while waiting or under_way:
            while waiting and len(under_way) < _AHEAD * service.workers:
                student = waiting.popleft()
                taken = _take_in(course, assignment, student, run, anew)
                if taken is not None:
                    _submit(taken, anew, judged_keys)
                    under_way[student] = taken
            judged = [name for name, one in under_way.items() if one.is_judged()]
            for student in judged[:1]:  # one at a time: the workers want to be fed in between
                service.raise_if_lost(under_way[student].jobs)
                _finish(course, assignment, student, under_way.pop(student), run)
            done = len(students) - len(waiting) - len(under_way)
            staff = f"; {len(run.reasons)} need staff" if run.reasons else ""
            progress(f"grading {', '.join(list(under_way)[:3])}{staff}", done, len(students))
            if stopping():
                raise Stopped(done, len(students))
            if not judged:
                open_jobs = [
                    job for one in under_way.values() for job in one.jobs if not job.done()
                ]  # for one that is done, `wait` would not wait
                wait(open_jobs, timeout=0.5, return_when=FIRST_COMPLETED)
    except BaseException:
        service.stop()
        raise


def _take_in(
    course: Course, assignment: str, student: str, run: ClassRun, anew: bool
) -> _UnderWay | None:
    """A hand-in that is to be graded; None for one that need not or cannot be."""
    try:
        intake = take_in(course, assignment, student, course.submitted(student, assignment))
    except Exception as error:
        log.exception("%s: the hand-in could not be read", student)
        reason = f"the hand-in could not be read: {type(error).__name__}: {error}"
        card = writing.withdraw(course, assignment, student, reason)
        run.needs_staff(student, card.reasons)
        return None
    keys = {name: judgement_key(course, job) for name, job in intake.jobs.items()}
    taken = _UnderWay(intake, keys)
    if not anew and is_done(course, assignment, student, taken.inputs):
        run.left_alone(student)
        return None
    return taken


def _submit(taken: _UnderWay, anew: bool, judged_keys: set[str]) -> None:
    """Have the notebooks of a hand-in judged, and see where each judgement comes from."""
    for name, job in taken.intake.jobs.items():
        future = judge_service().submit(job, anew)
        key = taken.keys[name]
        if key in judged_keys:
            origin = Origin.EQUAL
        elif future.done() and future.exception() is None:
            origin = Origin.LEDGER
        else:
            origin = Origin.JUDGED
            judged_keys.add(key)
        taken.jobs.append(future)
        taken.origins.append(origin)


def _finish(
    course: Course, assignment: str, student: str, judged: _UnderWay, run: ClassRun
) -> None:
    wall_s = time.monotonic() - judged.since_s
    try:
        card = writing.write(course, assignment, student, judged.intake, judged.inputs)
    finally:
        for job in judged.intake.jobs.values():
            judge_service().forget(job)
    if card.reasons:
        run.needs_staff(student, card.reasons)
        checks = [check for item in card.items for check in item.checks]
        ungraded = [check for check in checks if check.verdict is Verdict.UNGRADED]
        for text in dict.fromkeys(check.staff_detail for check in ungraded):
            log.warning("%s: %s", student, text)
    else:
        run.written(card, judged.origins, wall_s)


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
    from autograder.engine.judge import not_handed_in

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
