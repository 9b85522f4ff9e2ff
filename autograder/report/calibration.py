"""A calibration on a terminal: the thresholds with what they promise, and what mistakes make of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

_FACTS = {
    "bound": ("bound", ".3f"),
    "the worst right run": ("worst", ".3f"),
    "a typical right run": ("typical", ".3f"),
    "right runs that fail, at most": ("a_right_run_fails_at_most", ".2%"),
    "found by": ("method", ""),
    "whatever the distribution, at most": ("whatever_the_distribution_at_most", ".2%"),
    "p of such runs, were they normal": ("p_if_normal", ".3f"),
}


def threshold_table(entry: Mapping[str, Any]) -> Table:
    """A column a threshold. `entry` is one of thresholds.json."""
    found = entry["found"]
    criteria = found["criteria"]
    either = found["a_right_run_fails_one_or_more_at_most"]
    table = Table(
        box=SIMPLE_HEAD,
        title=f"Thresholds from {found['right_runs']} right runs",
        caption=f"At most {either['rate']:.2%} of right runs fail one or more (confidence "
        f"{either['confidence']:.0%}); of these runs {either['seen']} did.",
    )
    table.add_column(f"confidence {found['confidence']:.0%} each")
    for name in criteria:
        table.add_column(name, justify="right", overflow="fold")
    table.add_row("threshold", *(f"{entry[name]:g}" for name in criteria), style="bold")
    for label, (key, form) in _FACTS.items():
        table.add_row(label, *(format(row[key], form) for row in criteria.values()))
    return table


def power_table(entry: Mapping[str, Any]) -> Table:
    """A row a mistake: how often it still passes each threshold."""
    names = list(entry["found"]["criteria"])
    table = Table(box=SIMPLE_HEAD, title="Mistakes that still pass")
    table.add_column("It is as if …", overflow="fold", ratio=1)
    for name in ("runs", *names, "all"):
        table.add_column(name, justify="right")
    for mistake, row in entry["found"]["power"].items():
        parts = [f"{row[name]:.0%}" if name in row else "–" for name in (*names, "all")]
        style = "yellow" if row.get("all", 0) >= 0.5 else ""
        table.add_row(Text(mistake), f"{row['runs']:g}", *parts, style=style)
    return table
