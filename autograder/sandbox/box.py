"""The box as the rest of the kit sees it: run a notebook's cells, then ask about what they defined.

A cell or a probe that hangs or kills its kernel costs only itself: a new kernel replays the cells that
did not, and goes on with the next one. How often that may happen, and for how long a notebook may run
in all, is limited.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.errors import BadReply, BoxFailed, LimitHit, NameMissing, StudentRaised
from autograder.sandbox.driver import Dead, Driver
from autograder.sandbox.kernel import KernelPlan
from autograder.sandbox.settings import BoxSettings
from autograder.sandbox.warm import start_kernel


@dataclass
class CellRun:
    """One cell: `ok`, `error`, `limit` (stopped at a limit, or it ended the kernel), or `skipped`."""

    status: str
    outputs: list[dict[str, Any]] = field(default_factory=list)
    message: str = ""
    limit: str = ""  # the setting that it ran into


_IN_CHECK = "while a check called your code"


class Box:
    """One notebook behind the wall. Made by `open_box`."""

    def __init__(
        self,
        settings: BoxSettings,
        cells: Sequence[str],
        plan: KernelPlan,
    ) -> None:
        self._settings = settings
        self._cells = cells
        self._plan = plan
        self._driver: Driver | None = None
        self._starts = 0
        self._used_s = 0.0  # by cells and probes; not by what the grader does in between
        self.runs: list[CellRun] = []

    def run_cells(self) -> list[CellRun]:
        """Run every cell in order; what a cell does to the kernel costs only that cell."""
        self._start()
        for source in self._cells:
            self.runs.append(self._run_cell(source))
        return self.runs

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        """See `autograder.grading.student.BoxLike`."""
        if self._driver is None:
            self._restart()
        assert self._driver is not None
        wall_s = self._time_for(self._settings.probe_wall_s)
        request = {"source": source, "function": function, "names": names}
        try:
            with self._clock(self._driver):
                reply = self._driver.ask(request, data, wall_s)
        except Dead as error:
            self._drop()
            raise self._limit(error, "probe_wall_s", wall_s, _IN_CHECK) from None
        except BoxFailed:
            self._drop()  # this question's trouble; a new kernel answers the next one
            raise
        return self._value_of(reply, wall_s)

    def close(self) -> None:
        """End everything that runs in the box."""
        self._drop()

    def _value_of(self, reply: Any, wall_s: float) -> Any:
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
            case "interrupted":
                raise self._too_slow("probe_wall_s", wall_s, _IN_CHECK)
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

    def _run_cell(self, source: str) -> CellRun:
        if self._driver is None:
            try:
                self._restart()
            except LimitHit as hit:
                return CellRun("skipped", message=str(hit), limit=hit.limit)
        assert self._driver is not None
        try:
            wall_s = self._time_for(self._settings.cell_wall_s)
            with self._clock(self._driver):
                done = self._driver.execute(source, wall_s)
        except LimitHit as hit:
            return CellRun("skipped", message=str(hit), limit=hit.limit)
        except Dead as error:
            self._drop()
            stopped = self._limit(error, "cell_wall_s", wall_s, "in this cell")
            return CellRun("limit", [_note(str(stopped))], str(stopped), stopped.limit)
        if done.status == "interrupted":
            stopped = self._too_slow("cell_wall_s", wall_s, "in this cell")
            return CellRun(
                "limit", [*done.outputs, _note(str(stopped))], str(stopped), stopped.limit
            )
        kind, _, text = done.error.partition(": ")
        behind = limit_behind(kind, text)
        return CellRun(done.status, done.outputs, done.error, behind.limit if behind else "")

    def _start(self) -> None:
        self._starts += 1
        kernel = start_kernel(self._settings, self._plan)
        try:
            self._driver = Driver(kernel, self._settings)
            self._driver.wait_until_ready()
        except BaseException:
            self._drop()
            kernel.kill()
            raise

    def _restart(self) -> None:
        """A new kernel with the cells replayed that did not end the last one."""
        if self._starts > self._settings.restarts:
            raise LimitHit(
                "restarts",
                f"Your notebook killed or hung its kernel more than {self._settings.restarts} times; "
                "what comes after that was not run.",
            )
        self._start()
        assert self._driver is not None
        for source, run in zip(self._cells, list(self.runs), strict=False):
            if run.status == "limit":
                continue
            try:
                wall_s = self._time_for(self._settings.cell_wall_s)
                with self._clock(self._driver):
                    self._driver.execute(source, wall_s)
            except (Dead, LimitHit):
                self._drop()
                raise LimitHit(
                    "restarts", "Your notebook's kernel died, and its cells could not be run again."
                ) from None

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
            self._used_s += time.monotonic() - started_s - (driver.waited_s - waited_s)

    def _time_for(self, wall_s: float) -> float:
        left = self._settings.notebook_wall_s - self._used_s
        if left <= 0:
            raise LimitHit(
                "notebook_wall_s",
                f"Your notebook used up its {self._settings.notebook_wall_s:g} seconds; "
                "what comes after that was not run.",
            )
        return min(wall_s, left)

    def _limit(self, error: Dead, wall: str, wall_s: float, when: str) -> LimitHit:
        if error.limit == "time":
            return self._too_slow(wall, wall_s, when)
        if error.limit == "kernel":
            text = f"Your notebook's kernel died {when}. Did the code end it, or crash it?"
            return LimitHit("kernel", text)
        return LimitHit(error.limit, f"Stopped {when}: {error} (limit {error.limit}).")

    def _too_slow(self, wall: str, wall_s: float, when: str) -> LimitHit:
        limit = wall if wall_s >= getattr(self._settings, wall) else "notebook_wall_s"
        text = f"Stopped after {wall_s:.0f} seconds {when} (limit {limit})."
        return LimitHit(limit, f"{text} Is there a loop that does not end?")


@contextlib.contextmanager
def open_box(
    settings: BoxSettings,
    cells: Sequence[str],
    files: Mapping[str, bytes] | None = None,
    data: Path | None = None,
    graded: bool = True,
    seed: int = 0,
) -> Iterator[Box]:
    """A box for one notebook.

    Args:
        cells: the sources of the notebook's code cells, in order.
        files: what lies in the work folder, by name.
        data: a folder of training data that the box may read.
        graded: tells the notebook (by the variable AUTOGRADER_BOX) to leave out long demonstrations.
        seed: at which the kernel's random number generators start.

    Raises:
        BoxUnavailable: when the wall cannot be built here.
        BoxFailed: when the kernel does not start.
    """
    box = Box(settings, cells, KernelPlan(files or {}, data, graded, seed))
    try:
        yield box
    finally:
        box.close()


def limit_behind(kind: str, text: str) -> LimitHit | None:
    """The limit that shows itself to the student's code as an exception, if it is one."""
    for limit, kinds, words in (
        ("memory_mib", ("MemoryError",), ""),
        ("memory_mib", ("RuntimeError", "OSError"), "allocate memory"),
        ("gpu_memory_mib", ("OutOfMemoryError",), "CUDA out of memory"),
        ("disk_mib", ("OSError",), "[Errno 28]"),
        ("disk_mib", ("OSError",), "[Errno 27]"),
        ("open_files", ("OSError",), "[Errno 24]"),
        ("processes", ("BlockingIOError",), "[Errno 11]"),
        ("processes", ("RuntimeError",), "can't start new thread"),
    ):
        if kind in kinds and words in text:
            return LimitHit(
                limit, f"Your code ran into a limit of the box (limit {limit}): {kind} {text}"
            )
    return None


def _note(message: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stderr", "text": f"[{message}]\n"}
