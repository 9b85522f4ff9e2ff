"""The heaviest pairs on a terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from autograder.similarity.compare import Comparison, Pair

_SHOWN = 10
_SHOWN_UNITS = 3


def pairs_table(comparison: Comparison) -> Table:
    """A row a pair: what both share, and how much of the class shares less."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("two students", overflow="fold")
    table.add_column("weight", justify="right", no_wrap=True)
    table.add_column("pairs with less", justify="right", no_wrap=True)
    table.add_column("where, and how much of the lesser one", overflow="fold")
    for pair in comparison.pairs[:_SHOWN]:
        table.add_row(
            Text(_visible(f"{pair.one}, {pair.other}")),
            f"{pair.weight:.0f}",
            "{} of {}".format(*comparison.below(pair.weight)),
            Text(_visible(_where(comparison, pair))),
        )
    return table


def _where(comparison: Comparison, pair: Pair) -> str:
    parts = [
        f"{comparison.units[one.unit].unit.name} {one.share:.0%}{', equal' if one.equal else ''}"
        for one in pair.shared[:_SHOWN_UNITS]
    ]
    more = len(pair.shared) - _SHOWN_UNITS
    parts += [f"and {more} more"] if more > 0 else []
    parts += [f"{pair.cells} cells with the same id"] if pair.cells else []
    return "; ".join(parts)


def _visible(text: str) -> str:
    return "".join(sign if sign.isprintable() else "�" for sign in text)
