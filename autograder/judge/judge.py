"""Judges one notebook: the box beside the judge. Runs in a worker process of its own."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.course import Course, GradeCell
from autograder.course.bonus import SubmittedFile, ordinary_cells
from autograder.errors import LimitHit
from autograder.judge.job import Job, Judgement, course_of
from autograder.judge.slots import GpuWatch, with_gpu
from autograder.judge.surroundings import explain, modules_of_course
from autograder.judge.training_data import box_data, judge_images
from autograder.sandbox import Box, BoxSettings, CellRun, open_box, warm
from autograder.scorecard import Check, Item, NotebookCard, Scorecard, Verdict

if TYPE_CHECKING:
    from autograder.grading.device import Device


def judge_job(job: Job, forks: Path | None = None) -> Judgement:
    """Run a notebook in a box and its hidden tests beside it.

    Args:
        forks: address of a warm process that another process owns.

    Whatever breaks on our side ends as `ungraded` with a reason; nothing is raised for a submission.
    """
    from autograder.grading.bonus_file import BonusFile
    from autograder.grading.plugin import Judged, judge
    from autograder.judge.device import current, device_for  # torch, which only a worker needs
    from autograder.judge.second_look import SecondLook

    course = course_of(job)
    source = course.notebooks(job.assignment)[job.notebook]
    cells = ordinary_cells(course, job.assignment, source)
    if job.unreadable:
        return _ungraded(job, cells, job.unreadable)

    bonus_files = {
        one.bonus.grade_id: BonusFile(one.path, one.digest, one.bonus.max_mib)
        for one in job.bonus_files
    }

    second_look = SecondLook(job, source, cells)
    graders = course.graders(job.assignment) / f"test_{job.notebook}.py"

    def run(settings: BoxSettings, watch: GpuWatch) -> tuple[list[CellRun], Judged, Device]:
        # The other process's warm process knows the GPU of the course's settings only.
        if forks is not None and settings.gpu == BoxSettings(config=course.config).gpu:
            warm.join(settings, data, forks)
        pace = second_look.pace()

        def opened(used_s: float = 0.0) -> AbstractContextManager[Box]:
            files = dict(job.files)
            return open_box(settings, job.cells, files, data, seed=seed, pace=pace, used_s=used_s)

        def asked(
            box: Box, only: str = "", strikes: Mapping[str, int] | None = None
        ) -> tuple[Judged, Device]:
            watch.look_at(box.runs)
            watched = watch.around(box)
            device = device_for(settings, watched)
            images = judge_images(course) if device.has_gpu or bonus_files else None
            if not source.is_autograded and not graders.is_file():
                return runs, Judged({}), device
            with current(device):
                judged = judge(
                    graders,
                    watched,
                    course.secret(),
                    job.content,
                    device,
                    images,
                    bonus_files,
                    only,
                    strikes,
                )
            watch.look_at_checks(check for checks in judged.checks.values() for check in checks)
            return judged, device

        with opened() as box:
            runs = box.run_cells()
            judged, device = asked(box, strikes=second_look.strikes(runs))
        if not watch.ran_out:  # else all is judged once more
            checks = second_look.improve(
                judged.checks, runs, opened, lambda box, only: asked(box, only)[0]
            )
            judged = replace(judged, checks=checks)
        return runs, judged, device

    try:
        seed = int(job.content[:8], 16)
        data = box_data(course)
        runs, judged, device = with_gpu(course, job.notebook, run)
    except LimitHit as hit:
        return _all_limit(job, cells, str(hit))
    except Exception as error:
        detail = "".join(traceback.format_exception(error, limit=-8))
        return _ungraded(job, cells, f"{type(error).__name__}: {error}", detail)
    items = tuple(
        Item(cell.grade_id, cell.max_score, cell.manual, judged.checks.get(cell.grade_id, ()))
        for cell in cells
    )
    items += tuple(
        _bonus_item(one, judged.checks.get(one.bonus.grade_id, ())) for one in job.bonus_files
    )
    missing = [item.grade_id for item in items if not item.manual and not item.checks]
    of_course = modules_of_course(course, job.assignment)
    explained = explain(items, job.cells, runs, dict(job.files), of_course)
    items, reason = explained.items, explained.reason or None
    if missing:
        reason = f"no hidden test ran for {', '.join(missing)}. {judged.trouble}".strip()
    outputs = tuple(run.outputs for run in runs)
    title = device.title if judged.used_device else "cpu"
    card = replace(_card(job, items, reason, explained.staff), size=judged.size, device=title)
    return Judgement(card, outputs)


def not_submitted(course: Course, assignment: str, notebook: str, student: str) -> Scorecard:
    """The card of a notebook that is not in the submission: no points, and the student is told why."""
    source = course.notebooks(assignment)[notebook]
    message = f"There is no {notebook}.ipynb in your submission."
    check = Check("handed_in", "The notebook is in the submission", Verdict.FAILED, message=message)
    cells = ordinary_cells(course, assignment, source)
    items = tuple(Item(cell.grade_id, cell.max_score, False, (check,)) for cell in cells)
    return Scorecard(assignment, student, (NotebookCard(notebook, items),))


def _bonus_item(file: SubmittedFile, checks: tuple[Check, ...]) -> Item:
    bonus = file.bonus
    return Item(bonus.grade_id, bonus.points, False, checks, bonus=True)


def _card(
    job: Job, items: tuple[Item, ...], reason: str | None, staff: tuple[str, ...] = ()
) -> Scorecard:
    notebook = NotebookCard(job.notebook, items, reason, job.repairs, staff)
    return Scorecard(job.assignment, job.student, (notebook,))


def ungraded_items(cells: Iterable[GradeCell], detail: str) -> tuple[Item, ...]:
    """The items of a notebook of which none could be graded, for a reason that staff must read."""
    check = Check("judge", "", Verdict.UNGRADED, staff_detail=detail)
    return tuple(
        Item(cell.grade_id, cell.max_score, cell.manual, () if cell.manual else (check,))
        for cell in cells
    )


def _ungraded(job: Job, cells: Iterable[GradeCell], reason: str, detail: str = "") -> Judgement:
    items = ungraded_items(cells, detail or reason)
    check = Check("judge", "", Verdict.UNGRADED, staff_detail=detail or reason)
    items += tuple(_bonus_item(one, (check,)) for one in job.bonus_files)
    return Judgement(_card(job, items, reason), tuple([] for _ in job.cells))


def _all_limit(job: Job, cells: Iterable[GradeCell], message: str) -> Judgement:
    check = Check("limits", "The notebook runs within its limits", Verdict.LIMIT, message=message)
    items = tuple(
        Item(cell.grade_id, cell.max_score, cell.manual, () if cell.manual else (check,))
        for cell in cells
    )
    items += tuple(_bonus_item(one, (check,)) for one in job.bonus_files)
    return Judgement(_card(job, items, None), tuple([] for _ in job.cells))
