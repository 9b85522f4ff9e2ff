"""The cases of an assignment on a terminal: what the hidden tests made of each, and of all by item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autograder.scorecard import points_text

_COLUMNS = ("right", "kept", "wrong", "caught", "named", "misnamed", "as_expected")


def case_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """A row a case: `case`, `about`, `right`, `lost` points, `named`, `good`."""
    table = Table(box=SIMPLE_HEAD, title="Cases")
    table.add_column("case", overflow="fold", ratio=1)
    for title in ("points lost", "named", "as expected"):
        table.add_column(title, justify="right")
    for row in rows:
        named = "" if row["right"] else "yes" if row["named"] else "no"
        style = "" if row["good"] else "red"
        about = Group(Text(row["case"]), Padding(Text(row["about"], style="dim"), (0, 0, 0, 2)))
        end = "yes" if row["good"] else "NO"
        table.add_row(about, points_text(row["lost"]), named, end, style=style)
    return table


def figures_table(figures: Mapping[str, Mapping[str, int]]) -> Table:
    """A row an item, and one for all: how many cases were right and kept their points, wrong and caught."""
    table = Table(box=SIMPLE_HEAD, title="Right and wrong cases")
    table.add_column("item", overflow="fold")  # alone gives way, and is read on its next line
    for name in _COLUMNS:
        table.add_column(name.replace("_", "\n"), justify="right", no_wrap=True)
    for item, counts in figures.items():
        style = "bold" if item == "all" else ""
        table.add_row(Text(item), *(str(counts[name]) for name in _COLUMNS), style=style)
    return table
