"""The end of a grading run in four lines: how many submissions ended in which way."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text


def summary_table(counts: Mapping[str, tuple[int, str]]) -> Table:
    """A row for each way in which submissions ended: how many did, and what there is to say of them."""
    table = Table(header_style="bold", pad_edge=False, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("submissions", no_wrap=True)
    table.add_column("", justify="right", style="bold", no_wrap=True)
    table.add_column("")
    for name, (count, said) in counts.items():
        told = textwrap.shorten(said, 200, placeholder=" …") if count else ""
        table.add_row(name, str(count), Text(told))
    table.add_row("all", str(sum(count for count, _ in counts.values())), "")
    return table


def summary_line(counts: Mapping[str, tuple[int, str]]) -> str:
    """The same in one line, for logs."""
    return ", ".join(f"{count} {name}" for name, (count, _) in counts.items()) + "."
