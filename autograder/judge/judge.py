"""Judges one notebook: the box beside the judge. Runs in a worker process of its own."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from autograder.course import Course, GradeCell
from autograder.course.bonus import SubmittedFile, ordinary_cells
from autograder.course.judged_by import judged_in_notebook
from autograder.errors import LimitHit
from autograder.judge.job import Job, Judgement, course_of
from autograder.judge.slots import with_gpu
from autograder.judge.surroundings import explain, modules_of_course
from autograder.scorecard import (
    NOT_HANDED_IN,
    Check,
    Item,
    NotebookCard,
    Scorecard,
    Verdict,
)


def judge_job(job: Job, forks: Path | None = None) -> Judgement:
    """Run a notebook in a box and its hidden tests beside it.

    Args:
        forks: address of a warm process that another process owns.

    Whatever breaks on our side ends as `ungraded` with a reason; nothing is raised for a submission.
    """
    from autograder.judge.looks import Looks  # torch, which only a worker needs

    course = course_of(job)
    source = course.notebooks(job.assignment)[job.notebook]
    every = ordinary_cells(course, job.assignment, source)
    cells = tuple(cell for cell in every if job.is_asked(cell.grade_id))
    if job.unreadable:
        return _all_alike(job, cells, _not_judged(job.unreadable), job.unreadable)

    try:
        looks = Looks(job, course, source, every, forks)
        runs, judged, device = with_gpu(course, job.notebook, looks.judge)
    except LimitHit as hit:
        title = "The notebook runs within its limits"
        check = Check("limits", title, Verdict.LIMIT, message=str(hit), limit=hit.limit)
        return _all_alike(job, cells, check)
    except Exception as error:
        detail = "".join(traceback.format_exception(error, limit=-8))
        return _all_alike(job, cells, _not_judged(detail), f"{type(error).__name__}: {error}")
    items = tuple(_item(job, cell, judged.checks.get(cell.grade_id, ())) for cell in cells)
    items += tuple(
        _bonus_item(one, judged.checks.get(one.bonus.grade_id, ())) for one in job.bonus_files
    )
    missing = [item.grade_id for item in items if not item.manual and not item.checks]
    items = tuple(
        replace(item, checks=(_not_judged(judged.detail),)) if item.grade_id in missing else item
        for item in items
    )
    of_course = modules_of_course(course, job.assignment)
    explained = explain(items, job.cells, runs, dict(job.files), of_course)
    items, reason = explained.items, explained.reason or None
    if missing:
        trouble = judged.trouble or f"{looks.graders.name} has none: write one, then grade again."
        reason = f"no hidden test ran for {', '.join(missing)}: {trouble}"
    reason = reason or _what_cells_said(items) or _what_tests_said(items)
    outputs = tuple(run.outputs for run in runs)
    title = device.title if judged.used_device else "cpu"
    card = _card(job, items, reason, explained.staff)
    card = replace(card, size=judged.size, device=title, wall=looks.wall)
    return Judgement(card, outputs)


def not_submitted(
    course: Course, assignment: str, notebook: str, student: str, only: Collection[str] = ()
) -> Scorecard:
    """The card of a notebook that is not in the submission: no points, and the student is told why.

    Args:
        only: as `Job.only`.
    """
    source = course.notebooks(assignment)[notebook]
    message = f"There is no {notebook}.ipynb in your submission."
    check = Check(
        NOT_HANDED_IN, "The notebook is in the submission", Verdict.FAILED, message=message
    )
    cells = ordinary_cells(course, assignment, source)
    by_cells = judged_in_notebook(course, assignment, source)
    items = tuple(
        Item(cell.grade_id, cell.max_score, checks=(check,), in_notebook=cell.grade_id in by_cells)
        for cell in cells
        if not only or cell.grade_id in only
    )
    return Scorecard(assignment, student, (NotebookCard(notebook, items),))


def _what_cells_said(items: tuple[Item, ...]) -> str | None:
    """Why tests in the notebook gave no points that could be: their own mistake, for staff to read."""
    said = [
        f"`{item.grade_id}`: {check.staff_detail}"
        for item in items
        for check in item.checks
        if item.in_notebook and check.verdict is Verdict.UNGRADED
    ]
    return " ".join(said) or None


def _what_tests_said(items: tuple[Item, ...]) -> str | None:
    """What hidden tests ended with that gave no verdict: the first line of each, and not its traceback."""
    checks = [
        (item.grade_id, check.staff_detail.strip().splitlines())
        for item in items
        for check in item.checks
        if not item.in_notebook and check.verdict is Verdict.UNGRADED
    ]
    said: dict[str, list[str]] = {}  # by sentence, the items
    for grade_id, lines in checks:
        line = lines[-1 if lines[0].startswith("Traceback") else 0] if lines else "it did not run."
        said.setdefault(line, []).append(grade_id)
    told = [f"no verdict for {', '.join(dict.fromkeys(ids))}: {line}" for line, ids in said.items()]
    more = [f"{len(told) - 2} more are in the log."] if len(told) > 3 else told[2:]
    return " ".join([*told[:2], *more]) or None


def _not_judged(detail: str) -> Check:
    return Check("judge", "", Verdict.UNGRADED, staff_detail=detail)


def _item(job: Job, cell: GradeCell, checks: tuple[Check, ...]) -> Item:
    in_notebook = cell.grade_id in job.in_notebook
    return Item(cell.grade_id, cell.max_score, cell.manual, checks, in_notebook=in_notebook)


def _bonus_item(file: SubmittedFile, checks: tuple[Check, ...]) -> Item:
    bonus = file.bonus
    return Item(bonus.grade_id, bonus.points, False, checks, bonus=True)


def _card(
    job: Job, items: tuple[Item, ...], reason: str | None, staff: tuple[str, ...] = ()
) -> Scorecard:
    # The first sentence says what the file is; what follows is advice for staff.
    unreadable = job.unreadable.split(". ")[0].rstrip(".")
    notebook = NotebookCard(job.notebook, items, reason, job.repairs, staff, unreadable)
    return Scorecard(job.assignment, job.student, (notebook,))


def ungraded_items(cells: Iterable[GradeCell], detail: str) -> tuple[Item, ...]:
    """The items of a notebook of which none could be graded, for a reason that staff must read."""
    checks = (_not_judged(detail),)
    return tuple(
        Item(cell.grade_id, cell.max_score, cell.manual, () if cell.manual else checks)
        for cell in cells
    )


def _all_alike(
    job: Job, cells: Iterable[GradeCell], check: Check, reason: str | None = None
) -> Judgement:
    """A notebook of which nothing is known but one check, the same for all items; it shows nothing."""
    items = tuple(_item(job, cell, () if cell.manual else (check,)) for cell in cells)
    items += tuple(_bonus_item(one, (check,)) for one in job.bonus_files)
    return Judgement(_card(job, items, reason), tuple([] for _ in job.cells))
