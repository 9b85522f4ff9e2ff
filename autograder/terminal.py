"""What a person at a terminal sees besides sentences: the bar, the tables; and how they stop a run."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograder.report.table import Lateness
    from autograder.scorecard import Scorecard


class Interrupt:
    """The first Ctrl-C asks for an orderly stop, the second one stops."""

    def __enter__(self) -> Interrupt:
        self._asked = False
        self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __call__(self) -> bool:
        return self._asked

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _ask(self, *_: object) -> None:
        self._asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._started_s = time.monotonic()

    def __enter__(self) -> Bar:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.completed:>3.0f} of {task.total:.0f}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.description}"),
            console=Console(file=sys.stderr),
            transient=True,
            disable=self._quiet,
        )
        self._task = self._progress.add_task("starting", total=1, rate="")
        self._progress.start()
        return self

    def show(self, what: str, done: int, total: int) -> None:
        rate = (
            f"{done / max(time.monotonic() - self._started_s, 1) * 60:.0f} a minute" if done else ""
        )
        self._progress.update(self._task, description=what, completed=done, total=total, rate=rate)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def print_table(
    cards: list[Scorecard],
    marks: dict[tuple[str, str, str], float | None],
    late: dict[str, Lateness] | None = None,
) -> None:
    from rich.console import Console

    from autograder.report.table import class_table

    Console().print(class_table(cards, marks, late))


def print_summary(counts: dict[str, tuple[int, str]], quiet: bool) -> None:
    from rich.console import Console

    from autograder.report.summary import summary_line, summary_table

    if quiet:
        print(summary_line(counts))
    else:
        Console().print(summary_table(counts))


def print_items(card: Scorecard) -> None:
    from rich.console import Console

    from autograder.report.items import item_table

    Console().print(item_table(card))
