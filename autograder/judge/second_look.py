"""Judges an item once more where its check stands, if it did not get all of its points after the last cell.

The first look is at the notebook as it is after its last cell. It finds a helper that is defined below its
use, and it is all that a right submission costs. But what a later cell does to names, modules, torch or the
kernel, and what the hidden tests of one function leave behind, can cost another function its points there.

So what did not pass is looked at again in a new box, as a student sees it who comes to the check: the cells
above have run and no others. The checks of other items among them are left out, for they call functions that
may leave something behind, or hang. The better look counts, of an item as a whole.

Several items share a box, from check to check, for as long as nothing was left behind in it. The outputs of
this box are shown to nobody: its cells run after hidden tests, and could repeat what they have seen of them.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import cached_property

from autograder.course import GradeCell
from autograder.course.claims import essence, functions_in
from autograder.errors import BoxFailed
from autograder.grading.plugin import Judged
from autograder.judge.job import Job
from autograder.judge.left_behind import is_as_before
from autograder.sandbox import Box, CellRun
from autograder.sandbox.names import bound_names, free_names, given_names
from autograder.sandbox.pace import Pace
from autograder.scorecard import Check, Item, Verdict, counted

Checks = dict[str, tuple[Check, ...]]  # by grade_id

# From the mildest: a check that ran to its end tells more than one that was stopped.
_MILDNESS = (Verdict.PASSED, Verdict.FAILED, Verdict.RAISED, Verdict.LIMIT)


class SecondLook:
    """The cells of one notebook, and which of its items are to be judged where."""

    def __init__(self, job: Job, items: Iterable[GradeCell]) -> None:
        self._job = job
        self._items = [item for item in items if not item.manual]
        self._places = job.places

    def pace(self) -> Pace:
        """How long cells and probes may take: a function's own cell and its check say whether it ends."""
        wanted = {item: self._wanted(item) for item in self._items}
        checks = {
            self._places[item.grade_id]: names
            for item, names in wanted.items()
            if item.grade_id in self._places
        }
        own = {
            self._places[item.solution]: names
            for item, names in wanted.items()
            if item.solution in self._places
        }
        return Pace(self._job.cells, own | checks, checks)

    def strikes(self, runs: list[CellRun]) -> dict[str, int]:
        """How often the check in the notebook ended the kernel, by item."""
        return {
            item.grade_id: 1 for item in self._items if self._run_of(item, runs).limit == "kernel"
        }

    def improve(
        self,
        first: Checks,
        runs: list[CellRun],
        open_box: Callable[[float], AbstractContextManager[Box]],
        ask: Callable[[Box, str], Judged],
        left_out: frozenset[int] = frozenset(),
    ) -> Checks:
        """The checks of the better look at each item.

        Args:
            first: what the first look gave.
            runs: the cells of the first look.
            open_box: for this notebook; it is told how many seconds of its time are used up.
            ask: runs the hidden tests of one item.
            left_out: cells that are not run, for they are only looked at.

        A box that fails is our fault: the items that it was opened for are `ungraded`.
        """
        todo = [item for item in self._items if self._may_change(item, first, runs)]
        todo.sort(key=lambda item: self._places[item.grade_id])
        checks = dict(first)
        open_items = {item.grade_id for item in todo}
        try:
            for item, judged in self._looks(todo, open_box, ask, left_out):
                second = judged.checks.get(item.grade_id, ())
                checks[item.grade_id] = better(item, checks[item.grade_id], second)
                open_items.remove(item.grade_id)
        except BoxFailed:  # ours: what it was to decide waits for staff, and nothing else does
            why = Check("judge", "", Verdict.UNGRADED, staff_detail=traceback.format_exc(limit=-4))
            checks |= dict.fromkeys(open_items, (why,))
        return checks

    def _looks(
        self,
        todo: list[GradeCell],
        open_box: Callable[[float], AbstractContextManager[Box]],
        ask: Callable[[Box, str], Judged],
        left_out: frozenset[int],
    ) -> Iterator[tuple[GradeCell, Judged]]:
        used_s = 0.0
        while todo:
            with ExitStack() as stack:
                box = stack.enter_context(open_box(used_s))
                while todo:
                    item = todo.pop(0)
                    box.run_cells(self._places[item.grade_id], self._left_out | left_out)
                    is_as_before(box)
                    yield item, ask(box, item.grade_id)
                    if not todo or not is_as_before(box):
                        break
                used_s = box.used_s

    def _may_change(self, item: GradeCell, first: Checks, runs: list[CellRun]) -> bool:
        """Whether a second look could give more points."""
        score = _item(item, first.get(item.grade_id, ())).score
        if score is None or score >= item.max_score or item.grade_id not in self._places:
            return False
        if item.grade_id in self._job.in_notebook:  # it was judged where its check stands
            return False
        # What hung or died under the check in the notebook did so where the check stands.
        return self._run_of(item, runs).status != "limit" and not self._is_untouched(item)

    def _is_untouched(self, item: GradeCell) -> bool:
        """Whether nothing was written for an item: its stub is as released, and nothing above defines it."""
        stub = self._places.get(item.solution)
        if stub is None:
            return False
        if essence("code", self._job.cells[stub]) != essence("code", self._job.stubs[stub]):
            return False
        wanted = self._wanted(item)
        above = range(self._places[item.grade_id])
        others = [self._job.cells[number] for number in above if number != stub]
        return bool(wanted) and not any(
            wanted & (bound := bound_names(cell)) or "*" in bound for cell in others
        )

    def _wanted(self, item: GradeCell) -> frozenset[str]:
        place = self._places.get(item.solution)
        return frozenset() if place is None else frozenset(functions_in(self._job.stubs[place]))

    @cached_property
    def _left_out(self) -> frozenset[int]:
        """The checks of all items, but for those that bind a name which a cell below has from them."""
        cells, places = self._job.cells, self._places
        left_out = {places[item.grade_id] for item in self._items if item.grade_id in places}
        needed = [free_names(cell) for cell in cells]
        given = [given_names(cell) for cell in cells]
        for check in sorted(left_out, reverse=True):  # one that is run may need another's names
            names = given[check]
            for number in range(check + 1, len(cells)):
                if number in left_out:
                    continue
                if names & needed[number]:
                    left_out.remove(check)
                    break
                names -= given[number]
        return frozenset(left_out)

    def _run_of(self, item: GradeCell, runs: list[CellRun]) -> CellRun:
        place = self._places.get(item.grade_id)
        return CellRun("skipped") if place is None else runs[place]


def better(
    cell: GradeCell, first: tuple[Check, ...], second: tuple[Check, ...]
) -> tuple[Check, ...]:
    """The checks of the look with more points; of two alike, those that tell more or were seen later."""
    before, after = _item(cell, first), _item(cell, second)
    if before.score is None or after.score is None:  # our fault: staff must see it
        return second or first
    if before.score > after.score:
        return first
    if before.score == after.score:
        verdicts = [verdict for verdict in _MILDNESS if verdict in (before.verdict, after.verdict)]
        return second if verdicts[0] is after.verdict else first
    note = (
        "Judged where its check stands: after the notebook's last cell it had "
        f"{counted(before.score, 'point')} ({before.verdict}: {before.hint})."
    )
    return tuple(
        replace(check, staff_detail="\n".join(filter(None, (note, check.staff_detail))))
        for check in second
    )


def _item(cell: GradeCell, checks: tuple[Check, ...]) -> Item:
    return Item(cell.grade_id, cell.max_score, False, checks)
