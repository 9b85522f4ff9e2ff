"""Judges items by the tests in their own cells, as nbgrader does: in place, in order, by what the cell shows.

The tests of the source run in the box, with the regions that students do not get. So what stands there can
be read and forged by the student's code while it runs; an item says that it was judged so.

Where the source has hidden regions, the notebook runs twice. What people read, outputs and messages, comes
from a box to which hidden tests were never sent; the marks come from another one, whose outputs nobody
sees, and which ends with the last cell that judges.

The rules are those of `determine_grade` and `get_partial_grade` in nbgrader/utils.py (0.9.6), but for two. A
number that cannot be the points of a cell, over its maximum, below zero or NaN, is `ungraded`, for staff to
look at; nbgrader stops there, or gives all points. A result without text is as any other result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from autograder.course import GradeCell
from autograder.judge.job import Job
from autograder.sandbox import CellRun
from autograder.scorecard import Check, Verdict, counted, points_text

_TITLE = "The tests in this cell"
_HIDDEN = "A test that is not in your notebook did not pass."
_NOT_PASSED = "With the tests that are not in your notebook run before it, this cell did not pass."
_CUT = "This cell showed more than is kept, so what its tests say is not known."
_STDERR = "The cell wrote to stderr, which costs its points in this course."


class InTheNotebook:
    """The items of one notebook that are judged by their own cells."""

    def __init__(self, job: Job, items: Iterable[GradeCell], stderr_costs: bool) -> None:
        """
        Args:
            items: the notebook's; those that are judged otherwise are left alone.
            stderr_costs: whether anything on stderr, a warning too, costs a cell's points, as in nbgrader.
        """
        self._job, self._stderr_costs = job, stderr_costs
        self._items = [item for item in items if item.grade_id in job.in_notebook]

    def __bool__(self) -> bool:
        return bool(self._items)

    @property
    def cells(self) -> tuple[str, ...]:
        """The sources of the code cells with all of their tests."""
        if not self._items:
            return self._job.cells
        pairs = zip(self._job.cells, self._job.tests, strict=True)
        return tuple(cell if test is None else test for cell, test in pairs)

    @property
    def hides_any(self) -> bool:
        """Whether there are tests that students do not get."""
        return self.cells != self._job.cells

    @property
    def end(self) -> int:
        """The number of code cells up to the last that judges; what stands below has no part in it."""
        places = (self._job.places.get(item.grade_id, -1) for item in self._items)
        return max(places, default=-1) + 1

    def checks(
        self, shown: Sequence[CellRun], judged: Sequence[CellRun]
    ) -> dict[str, tuple[Check, ...]]:
        """What the cells say, by grade_id.

        Args:
            shown: how the cells of the submission ended.
            judged: the same with all tests, up to `end`; `shown` itself where none is hidden.
        """
        return {
            item.grade_id: (self._check(item, shown[place], judged[place], self._hides(place)),)
            for item in self._items
            if (place := self._job.places.get(item.grade_id)) is not None
        }

    def _hides(self, place: int) -> bool:
        return self._job.tests[place] != self._job.cells[place]

    def _check(self, item: GradeCell, shown: CellRun, judged: CellRun, hides: bool) -> Check:
        verdict, share, message = verdict_of(judged, item.max_score, self._stderr_costs)
        if verdict is Verdict.UNGRADED:
            return Check("cell", _TITLE, verdict, staff_detail=message)
        limit = judged.limit if verdict is Verdict.LIMIT else ""
        if verdict is not Verdict.PASSED and shown is not judged:
            # What the other box said may hold words of a hidden test.
            *seen, text = verdict_of(shown, item.max_score, self._stderr_costs)
            told = text if seen == [verdict, share] else _HIDDEN if hides else _NOT_PASSED
            return Check(
                "cell", _TITLE, verdict, 1.0, told, staff_detail=message, share=share, limit=limit
            )
        return Check("cell", _TITLE, verdict, message=message, share=share, limit=limit)


def verdict_of(
    run: CellRun, max_score: float, stderr_costs: bool = True
) -> tuple[Verdict, float | None, str]:
    """How a cell of tests ended, the part of its points that it gives, where it says so, and what to tell.

    Args:
        max_score: the points of the cell.
    """
    if run.status in ("limit", "skipped"):
        return Verdict.LIMIT, None, run.message
    if run.is_cut and run.status == "ok":
        return Verdict.LIMIT, None, _CUT  # output_mib or outputs
    for output in run.outputs:
        match output.get("output_type"):
            case "error":
                return _raised(run.message or str(output.get("ename", "")))
            case "stream" if output.get("name") == "stderr" and stderr_costs:
                first = str(output.get("text", "")).strip().partition("\n")[0][:400]
                return Verdict.FAILED, None, f"{_STDERR} It begins: {first}" if first else _STDERR
            case "execute_result":
                return _of_result(output, max_score)
    if run.status == "error":  # its outputs were cut off
        return _raised(run.message)
    return Verdict.PASSED, None, ""


def _raised(message: str) -> tuple[Verdict, float | None, str]:
    kind = message.partition(":")[0].strip()
    if kind == "AssertionError":
        return Verdict.FAILED, None, f"A test in this cell did not hold: {message}"
    return Verdict.RAISED, None, f"The tests in this cell raised {message}"


def _of_result(output: dict[str, Any], max_score: float) -> tuple[Verdict, float | None, str]:
    """A number as result is the points of the cell."""
    data = output.get("data")
    text = data.get("text/plain", "") if isinstance(data, dict) else ""
    if isinstance(text, list):
        text = "".join(map(str, text))
    try:
        points = float(text)
    except (TypeError, ValueError):
        return Verdict.PASSED, None, ""
    if not 0 <= points <= max_score:  # false of NaN
        text = (
            f"the cell's tests ended with {points:g}, which cannot be the points of a cell of "
            f"{points_text(max_score)}. Correct the tests, or mark it by hand."
        )
        return Verdict.UNGRADED, None, text
    if points == max_score:
        return Verdict.PASSED, None, ""
    text = f"The tests in this cell gave {points_text(points)} of {counted(max_score, 'point')}."
    return Verdict.FAILED, points / max_score, text
