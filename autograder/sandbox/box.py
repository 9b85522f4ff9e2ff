"""The box as the rest of the kit sees it: run a notebook's cells, then ask about what they defined.

A cell or a probe that hangs or kills its kernel costs only itself: a new kernel replays the cells that
did not, and goes on with the next one. How often the cells, and how often the probes of one function, may
do that is limited, and so is the time of the whole notebook. A function that does not end gets its time
once (`pace`).

A kernel can also die some moments after the cell that ended it, by a thread for instance. A death that
comes again while the cells are replayed is looked for: they are run once more, with a pause behind each.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograder.errors import BadReply, BoxFailed, LimitHit, NameMissing, StudentRaised
from autograder.sandbox.driver import CellRun, Dead, Driver
from autograder.sandbox.kernel import KernelPlan
from autograder.sandbox.pace import Pace
from autograder.sandbox.settings import BoxSettings
from autograder.sandbox.warm import start_kernel
from autograder.scorecard import counted

_IN_CELL, _IN_CHECK = "in this cell", "while a check called your code"
_REPLAYED = ("ok", "error")
_SETTLE_S = 0.5  # how long a kernel that died before is watched before it goes on
_CELLS = frozenset({"", "cells"})  # no function's name


class Box:
    """One notebook behind the wall. Made by `open_box`."""

    def __init__(
        self,
        settings: BoxSettings,
        cells: Sequence[str],
        plan: KernelPlan,
        pace: Pace | None = None,
        used_s: float = 0.0,
    ) -> None:
        self._settings = settings
        self._cells = cells
        self._plan = plan
        self._pace = pace or Pace(cells)
        self._driver: Driver | None = None
        self._deaths: Counter[frozenset[str]] = Counter()  # of kernels, by whose cells or probes
        self._died = False  # the last kernel, of something that could be another cell's doing
        self.used_s = used_s  # by cells and probes; not by what the grader does in between
        self.runs: list[CellRun] = []
        self.wall = ""  # the form of it, once there is a kernel

    def run_cells(self, before: int | None = None, left_out: Collection[int] = ()) -> list[CellRun]:
        """Run every cell in order; what a cell does to the kernel costs only that cell.

        Args:
            before: run only the cells before this one; called again, it goes on from there.
            left_out: cells that are not run.
        """
        if not self.runs:
            self._start()
        for number in range(len(self.runs), len(self._cells) if before is None else before):
            self.runs.append(CellRun("left out") if number in left_out else self._run_cell(number))
        return self.runs

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        """See `autograder.grading.student.BoxLike`."""
        asked_for = frozenset(names.values())
        if self._driver is None:
            self._restart(asked_for)
        assert self._driver is not None
        limit_s = self._pace.for_names(asked_for, self._settings.probe_wall_s)
        wall_s = self._time_for(limit_s)
        request = {"source": source, "function": function, "names": names}
        try:
            with self._clock(self._driver):
                reply = self._driver.ask(request, data, wall_s)
        except Dead as error:
            self._lose_kernel(error, asked_for)
            if error.limit == "time":
                self._pace.names_hung(asked_for)
            raise self._limit(error, "probe_wall_s", wall_s, limit_s, _IN_CHECK) from None
        except BoxFailed:
            self._drop()  # this question's trouble; a new kernel answers the next one
            raise
        ended = reply.get("ended") if isinstance(reply, dict) else None
        if isinstance(ended, str) and ended == "interrupted":  # it may be anything, an array too
            self._pace.names_hung(asked_for)
            raise self._too_slow("probe_wall_s", wall_s, limit_s, _IN_CHECK)
        return self._value_of(reply)

    def close(self) -> None:
        """End everything that runs in the box."""
        self._drop()

    def _value_of(self, reply: Any) -> Any:
        if not isinstance(reply, dict):
            raise BadReply("Your notebook's kernel sent an answer that is no answer to a check.")
        ended = reply.get("ended")
        match ended if isinstance(ended, str) else "":  # an array would compare to an array
            case "returned" if "value" in reply:
                return reply["value"]
            case "missing":
                name = str(reply.get("name"))[:80]
                raise self._limit_of(name) or NameMissing(name, self._why_missing())
            case "raised":
                kind, text, where = (
                    str(reply.get(key, ""))[:400] for key in ("kind", "text", "where")
                )
                raise limit_behind(kind, text) or StudentRaised(kind, text, where)
        raise BadReply("Your notebook's kernel sent an answer that is no plain data.")

    def _limit_of(self, name: str) -> LimitHit | None:
        """The limit that stopped the cell which should have defined a name, if one did."""
        for source, run in zip(self._cells, self.runs, strict=False):
            if run.limit and re.search(rf"\b{re.escape(name)}\b", source):
                return LimitHit(
                    run.limit, f"The cell that defines `{name}` did not end: {run.message}"
                )
        return None

    def _why_missing(self) -> str:
        broken = [run.message for run in self.runs if run.status in ("error", "limit")]
        syntax = [
            message for message in broken if message.startswith(("SyntaxError", "IndentationError"))
        ]
        return f" (a cell ended with {(syntax or broken)[0]})" if broken else ""

    def _run_cell(self, number: int) -> CellRun:
        try:
            if self._driver is None:
                self._restart(_CELLS)
            limit_s = self._pace.for_cell(number, self._settings.cell_wall_s)
            wall_s = self._time_for(limit_s)
        except LimitHit as hit:
            return CellRun("skipped", message=str(hit), limit=hit.limit)
        assert self._driver is not None
        try:
            with self._clock(self._driver):
                done = self._driver.execute(self._cells[number], wall_s)
        except Dead as error:
            self._lose_kernel(error, _CELLS)
            if error.limit == "time":
                self._pace.cell_hung(number)
            return _stopped([], self._limit(error, "cell_wall_s", wall_s, limit_s, _IN_CELL))
        if done.status == "interrupted":
            self._pace.cell_hung(number)
            return _stopped(done.outputs, self._too_slow("cell_wall_s", wall_s, limit_s, _IN_CELL))
        self._pace.cell_ended(number)
        kind, _, text = done.message.partition(": ")
        if behind := limit_behind(kind, text):
            done.limit = behind.limit
        return done

    def _start(self) -> None:
        kernel = start_kernel(self._settings, self._plan)
        try:
            self.wall = kernel.form
            self._driver = Driver(kernel, self._settings)
            self._driver.wait_until_ready()
        except BaseException:
            self._drop()
            kernel.kill()
            raise

    def _restart(self, whose: frozenset[str]) -> None:
        """A new kernel with the cells replayed that did not end the last one.

        Args:
            whose: cells or probes go on with it.
        """
        self._refuse_more(whose)
        died, self._died = self._died, False
        last = len(self.runs) - 1
        careful = False
        while (ended := self._replay(careful, settle=died)) is not None:
            self._drop()
            self._deaths[_CELLS] += 1
            self._refuse_more(_CELLS)
            number, error = ended
            if careful or number == 0:
                limit_s = self._settings.cell_wall_s
                stopped = self._limit(error, "cell_wall_s", limit_s, limit_s, "after this cell")
                self.runs[number] = _stopped(self.runs[number].outputs, stopped)
                if whose == _CELLS and number != last and self.runs[last].limit == "kernel":
                    self.runs[last] = CellRun("again")
            careful = True
        if (
            self.runs and self.runs[last].status == "again"
        ):  # it was another cell that ended the kernel
            self.runs[last] = self._run_cell(last)

    def _replay(self, careful: bool, settle: bool) -> tuple[int, Dead] | None:
        """Run the cells again in a new kernel; gives the cell at which it died, if it did."""
        self._start()
        number = 0
        try:
            for number, run in enumerate(self.runs):
                if run.status in _REPLAYED:
                    self._again(number)
                    if careful:
                        self._settle()
            if settle:
                self._settle()
        except Dead as error:
            return number, error
        return None

    def _again(self, number: int) -> None:
        assert self._driver is not None
        try:
            wall_s = self._time_for(self._settings.cell_wall_s)
        except LimitHit:
            self._drop()
            raise
        with self._clock(self._driver):
            self._driver.execute(self._cells[number], wall_s)

    def _settle(self) -> None:
        assert self._driver is not None
        self._driver.watch(_SETTLE_S)

    def _refuse_more(self, whose: frozenset[str]) -> None:
        if self._deaths[whose] > self._settings.restarts:
            raise LimitHit(
                "restarts",
                f"Your notebook killed or hung its kernel more than "
                f"{counted(self._settings.restarts, 'time')}; "
                "what comes after that was not run.",
            )

    def _lose_kernel(self, error: Dead, whose: frozenset[str]) -> None:
        self._drop()
        self._deaths[whose] += 1
        self._died = error.limit == "kernel"

    def _drop(self) -> None:
        if self._driver is not None:
            driver, self._driver = self._driver, None
            driver.close()

    @contextlib.contextmanager
    def _clock(self, driver: Driver) -> Iterator[None]:
        """Count what a cell or a probe takes of the notebook's time, without waiting for a processor."""
        started_s, waited_s = time.monotonic(), driver.waited_s
        try:
            yield
        finally:
            self.used_s += time.monotonic() - started_s - (driver.waited_s - waited_s)

    def _time_for(self, wall_s: float) -> float:
        left = self._settings.notebook_wall_s - self.used_s
        if left <= 0:
            raise LimitHit(
                "notebook_wall_s",
                f"Your notebook used up its {counted(self._settings.notebook_wall_s, 'second')}; "
                "what comes after that was not run.",
            )
        return min(wall_s, left)

    def _limit(self, error: Dead, wall: str, wall_s: float, limit_s: float, when: str) -> LimitHit:
        if error.limit == "time":
            return self._too_slow(wall, wall_s, limit_s, when)
        if error.limit == "kernel":
            text = f"Your notebook's kernel died {when}. Did the code end it, or crash it?"
            return LimitHit("kernel", text)
        return LimitHit(error.limit, f"Stopped {when}: {error}.")

    def _too_slow(self, wall: str, wall_s: float, limit_s: float, when: str) -> LimitHit:
        limit = wall if wall_s >= limit_s else "notebook_wall_s"
        text = f"Stopped after {counted(round(wall_s), 'second')} {when}."
        if limit_s < getattr(self._settings, wall):
            text += " It calls a function that ran out of time before, so it got no more."
        return LimitHit(limit, f"{text} Is there a loop that does not end?")


def _stopped(outputs: list[dict[str, Any]], limit: LimitHit) -> CellRun:
    return CellRun("limit", [*outputs, _note(str(limit))], str(limit), limit.limit)


@contextlib.contextmanager
def open_box(
    settings: BoxSettings,
    cells: Sequence[str],
    files: Mapping[str, bytes] | None = None,
    data: Path | None = None,
    graded: bool = True,
    seed: int = 0,
    pace: Pace | None = None,
    used_s: float = 0.0,
    torch: bool = True,
) -> Iterator[Box]:
    """A box for one notebook.

    Args:
        cells: the sources of the notebook's code cells, in order.
        files: what lies in the work folder, by name.
        data: a folder of training data that the box may read.
        graded: tells the notebook (by the variable AUTOGRADER_BOX) to leave out long demonstrations.
        seed: at which the kernel's random number generators start.
        pace: what other boxes have learnt of the same notebook.
        used_s: of the notebook's time, by other boxes.
        torch: whether it is there before the first cell, and its generator is seeded.

    Raises:
        BoxUnavailable: when the wall cannot be built here.
        BoxFailed: when the kernel does not start.
    """
    box = Box(settings, cells, KernelPlan(files or {}, data, graded, seed, torch), pace, used_s)
    try:
        yield box
    finally:
        box.close()


def limit_behind(kind: str, text: str) -> LimitHit | None:
    """The limit that shows itself to the student's code as an exception, if it is one."""
    for limit, of_what, kinds, words in (
        ("memory_mib", "memory", ("MemoryError",), ""),
        ("memory_mib", "memory", ("RuntimeError", "OSError"), "allocate memory"),
        ("gpu_memory_mib", "the GPU's memory", ("OutOfMemoryError",), "CUDA out of memory"),
        ("disk_mib", "what may be written", ("OSError",), "[Errno 28]"),
        ("disk_mib", "what may be written", ("OSError",), "[Errno 27]"),
        ("open_files", "open files", ("OSError",), "[Errno 24]"),
        ("processes", "processes and threads", ("BlockingIOError",), "[Errno 11]"),
        ("processes", "processes and threads", ("RuntimeError",), "can't start new thread"),
    ):
        if kind in kinds and words in text:
            return LimitHit(limit, f"Your code ran into the limit of {of_what}: {kind} {text}")
    return None


def is_cut_short(outputs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a cell ended with an error, or with a note of ours that something stopped it."""
    last = outputs[-1] if outputs else {}
    note = str(last.get("text", "")) if last.get("name") == "stderr" else ""
    raised = any(output.get("output_type") == "error" for output in outputs)
    return raised or (note.startswith("[") and note.endswith("]\n"))


def _note(message: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stderr", "text": f"[{message}]\n"}
