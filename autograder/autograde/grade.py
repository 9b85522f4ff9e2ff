"""Grades a class: every submission ends with marks or with a named reason for staff."""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from autograder import __version__, files
from autograder.autograde import gradebook, writing
from autograder.autograde.class_run import ClassRun, Origin, each_once
from autograder.autograde.judged import JudgedSubmission
from autograder.autograde.keys import policy_key, writing_key
from autograder.autograde.lock import only_run
from autograder.autograde.penalties import renew_penalties
from autograder.autograde.records import (
    begin_regrade,
    end_regrade,
    is_done,
    load_card,
    was_graded,
)
from autograder.autograde.timestamps import course_zone, submitted_at
from autograder.clean import clean_text
from autograder.course import Course
from autograder.course.astray import aside, find_astray
from autograder.course.bonus import check_bonus
from autograder.course.ids import why_unusable, written_twice
from autograder.digest import digest
from autograder.errors import KitError
from autograder.judge.forked import run_in_worker
from autograder.judge.job import Judgement
from autograder.judge.pool import CourseChanged
from autograder.judge.service import judge_service
from autograder.judge.submission import read_submission
from autograder.judge.training_data import box_data
from autograder.progress import Progress
from autograder.scorecard import Scorecard, Verdict, counted

log = logging.getLogger("autograder")

_OVERTAKEN = 3  # how often a submission is begun again because the course was changed meanwhile
_GOES_ON = "This went on with a regrade that had been stopped, and judged what was left of it."
_AHEAD = 4  # submissions a worker that are judged, or being judged, before their marks are written


class Stopped(Exception):
    """Somebody stopped the run, after so many of so many submissions."""

    def __init__(self, done: int, students: int) -> None:
        super().__init__(f"stopped after {done} of {counted(students, 'submission')}")
        self.done, self.students = done, students


@dataclass
class _UnderWay:
    """A submission that is being judged."""

    judged: JudgedSubmission
    inputs: str = ""  # a digest of all that the marks depend on
    origins: list[Origin] = field(default_factory=list)
    since_s: float = field(default_factory=time.monotonic)

    @property
    def futures(self) -> list[Future[Judgement]]:
        return list(self.judged.under_way.values())

    def was_overtaken(self) -> bool:
        """Whether the course has changed since it was read."""
        ended = (future for future in self.futures if not future.cancelled())
        if any(isinstance(future.exception(), CourseChanged) for future in ended):
            return True
        return self.judged.submission.keys_now() != self.judged.submission.keys


@dataclass(frozen=True)
class _Order:
    """What a run is to do."""

    course: Course
    assignment: str
    students: list[str]
    due: str
    extensions: dict[str, str]  # by student who has a row in the gradebook
    policy: str  # a digest of what is taken off for late ones
    regrade: str  # its name; empty where what was judged before counts
    begun: dict[str, _UnderWay] = field(default_factory=dict)  # by student
    judged_keys: set[str] = field(default_factory=set)  # of what is judged in this run


def grade_class(
    course: Course,
    assignment: str,
    pattern: str = "*",
    regrade: bool = False,
    progress: Progress = lambda *_: None,
    stopping: Callable[[], bool] = lambda: False,
) -> ClassRun:
    """Grade the submissions of an assignment, through nbgrader's own converter.

    Submissions are judged side by side, and each goes into the gradebook as soon as it is judged. One that
    was graded before and has not changed is left alone, unless `regrade`; one that staff had to look
    at is tried again. A regrade that was stopped goes on with the next one.

    Args:
        stopping: asked again and again; once it says so, nothing new is begun.

    Raises:
        KitError: when nothing can be graded at all (no box, no assignment, nobody handed in), or
            another run is grading this course.
        Stopped: when `stopping` said so. What was judged by then is kept.
    """
    students = course.students(assignment, pattern)
    if regrade or not all(was_graded(course, assignment, name) for name in students):
        # While the wall is tried, the gradebook opened, and submissions are read.
        judge_service().pool.prepare(course, assignment)
    judge_service().pool.check(course)
    check_bonus(course)
    astray = find_astray(course, assignment, students, pattern)
    if not students and not astray:
        gradebook.check_released(course, assignment, course.notebooks(assignment))
        raise KitError(
            f"Nobody handed in `{assignment}`: there is no folder "
            f"{course.submitted(pattern, assignment)}."
        )
    run = ClassRun()
    for student in list(students):
        if why := why_unusable(student):
            students.remove(student)
            run.needs_staff(clean_text(student), [why])
    for place, why in astray.items():
        run.needs_staff(place, [why])
    run.notes += [*written_twice(students), *aside(course, assignment, students)]
    log.info(
        "grading `%s`: %s submissions, version %s%s",
        assignment,
        len(students),
        __version__,
        ", whatever was judged before" if regrade else "",
    )
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(only_run(course, assignment))
            stack.enter_context(files.naming_full_disk(course.records))
            # Before the gradebook, for nbgrader takes long to import.
            keys: set[str] = set()
            begun = {} if regrade else _begin_first(course, assignment, students, keys)
            gradebook.check_released(course, assignment, course.notebooks(assignment))
            stack.enter_context(gradebook.held_open(course))
            name = ""
            if regrade:
                name, goes_on = begin_regrade(course, assignment, pattern)
                run.notes += [_GOES_ON] if goes_on else []
            # What is wrong with the course must end the run before it touches anybody's marks.
            course.secret()
            box_data(course)
            course_zone(course)
            due = gradebook.submissions(course, assignment)
            order = _Order(
                course, assignment, students, *due, policy_key(course), name, begun, keys
            )
            written = _grade_all(order, run, progress, stopping)
            # Also of submissions that were left alone: a person may have marked them since.
            for text in each_once(renew_penalties(course, assignment).items()):
                run.notes.append(text)
                log.warning("%s", text)
            if regrade:
                end_regrade(course, assignment, pattern)
    except Stopped as stopped:
        log.warning("%s", stopped)
        raise
    except BaseException:
        judge_service().stop()
        log.exception("the run ended early")
        raise
    if (run.graded or run.from_ledger) and (course.graders(assignment) / "calibrate.py").is_file():
        try:
            run.notes += run_in_worker(_misfits, course, assignment)
        except KitError as error:
            run.notes.append(f"the thresholds of `{assignment}` were not checked: {error}")
    run.notes += judge_service().troubles()
    cards = (written.get(student) or load_card(course, assignment, student) for student in students)
    run.cards += [card for card in cards if card is not None]
    run.notes += each_once((card.student, text) for card in run.cards for text in card.staff_notes)
    log.info("done: %s", {name: count for name, (count, _) in run.counts().items()})
    return run


def _begin_first(
    course: Course, assignment: str, students: Iterable[str], judged_keys: set[str]
) -> dict[str, _UnderWay]:
    """Have the first submissions judged that may need it, one a worker; by student."""
    begun: dict[str, _UnderWay] = {}
    new = (name for name in students if not was_graded(course, assignment, name))
    with contextlib.suppress(Exception):  # whoever reads it again in its turn says what is wrong
        for student in itertools.islice(new, judge_service().pool.workers):
            folder = course.submitted(student, assignment)
            submission = read_submission(course, assignment, student, folder)
            work = _UnderWay(JudgedSubmission(submission))
            _submit(work, False, judged_keys)
            begun[student] = work
    return begun


def _misfits(course: Course, assignment: str) -> list[str]:
    """Runs in a worker, which has torch: this process does without it, and its seconds of imports."""
    from autograder.calibration.thresholds import fit

    return fit(course, assignment)


def _grade_all(
    order: _Order, run: ClassRun, progress: Progress, stopping: Callable[[], bool]
) -> dict[str, Scorecard]:
    """Judge and keep what needs it, some submissions ahead of the gradebook.

    Returns:
        the cards that were written, by student.
    """
    cards: dict[str, Scorecard] = {}
    service = judge_service()
    waiting = deque(order.students)
    under_way: dict[str, _UnderWay] = {}
    judged_keys = order.judged_keys
    overtaken: Counter[str] = Counter()

    def look_up() -> None:
        """Show where the run is, and end it if somebody wants that."""
        done = len(order.students) - len(waiting) - len(under_way)
        count = len(run.reasons)
        staff = f"; {count} need{'s' if count == 1 else ''} staff" if count else ""
        progress(f"grading {', '.join(list(under_way)[:3])}{staff}", done, len(order.students))
        if stopping():
            raise Stopped(done, len(order.students))

    try:
        while waiting or under_way:
            while waiting and len(under_way) < _AHEAD * service.pool.workers:
                student = waiting.popleft()
                work = _read(order, student, run)
                if work is not None:
                    if not work.origins:
                        _submit(work, bool(order.regrade), judged_keys)
                    under_way[student] = work
                look_up()
            judged = [name for name, work in under_way.items() if work.judged.is_judged()]
            for student in judged[:1]:  # one at a time: the workers want to be fed in between
                work = under_way.pop(student)
                service.raise_if_lost(work.futures)
                if overtaken[student] < _OVERTAKEN and work.was_overtaken():
                    # Its marks would be stale.
                    overtaken[student] += 1
                    judged_keys -= {*work.judged.submission.keys.values()}
                    waiting.append(student)
                    log.warning("%s: the course was changed meanwhile; once more", student)
                else:
                    cards[student] = _finish(order, work, run)
            look_up()
            if not judged:
                open_futures = [
                    future
                    for work in under_way.values()
                    for future in work.futures
                    if not future.done()
                ]  # for one that is done, `wait` would not wait
                wait(open_futures, timeout=0.5, return_when=FIRST_COMPLETED)
    except BaseException:
        service.stop()
        raise
    return cards


def _read(order: _Order, student: str, run: ClassRun) -> _UnderWay | None:
    """A submission that is to be graded; None for one that need not or cannot be."""
    course, assignment = order.course, order.assignment
    folder = course.submitted(student, assignment)
    try:
        work = order.begun.pop(student, None)
        if work is None:
            submission = read_submission(course, assignment, student, folder)
            work = _UnderWay(JudgedSubmission(submission))
        submission = work.judged.submission
        written = writing_key(course, submission)
    except KitError:
        raise  # the course's fault, for nothing in a submission raises it: nobody's marks are touched
    except Exception as error:
        log.exception("%s: the submission could not be read", student)
        reason = f"the submission could not be read: {type(error).__name__}: {error}"
        card = writing.withdraw(course, assignment, student, reason)
        run.needs_staff(student, card.reasons)
        return None
    when = submitted_at(course, folder)
    if when.doubt:
        run.notes.append(when.note)
        log.warning("%s", when.note)
    due = f"{order.due} {order.extensions.get(student)} {when.utc}"
    keys = submission.keys.values()
    inputs = digest(*keys, *submission.missing, written, due, order.policy)
    notebooks = course.notebooks(assignment)
    if student in order.extensions and is_done(
        course, assignment, student, inputs, notebooks, order.regrade
    ):
        run.left_alone(student)
        return None
    work.inputs = inputs
    return work


def _submit(work: _UnderWay, anew: bool, judged_keys: set[str]) -> None:
    """Have the notebooks of a submission judged, and see where each judgement comes from."""
    work.judged.begin(anew)
    for name, future in work.judged.under_way.items():
        key = work.judged.submission.keys[name]
        if key in judged_keys:
            origin = Origin.EQUAL
        elif future.done() and future.exception() is None:
            origin = Origin.LEDGER
        else:
            origin = Origin.JUDGED
            judged_keys.add(key)
        work.origins.append(origin)


def _finish(order: _Order, work: _UnderWay, run: ClassRun) -> Scorecard:
    """Write what was judged of a submission."""
    wall_s = time.monotonic() - work.since_s
    card = writing.write(work.judged, work.inputs, order.regrade)
    student = card.student
    if card.reasons:
        run.needs_staff(student, card.reasons)
        checks = [check for item in card.items for check in item.checks]
        ungraded = [check for check in checks if check.verdict is Verdict.UNGRADED]
        for text in dict.fromkeys(check.staff_detail for check in ungraded):
            log.warning("%s: %s", student, text)
    else:
        run.written(card, work.origins, wall_s)
    return card
