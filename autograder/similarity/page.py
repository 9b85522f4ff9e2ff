"""The comparison as one page for staff: needs nothing else, runs nothing, accuses nobody.

All code and every id in it come from submissions, so the template escapes all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader

from autograder.similarity.compare import Comparison, Pair, Shared, clusters

SHOWN_PAIRS = 20
_SHOWN_UNITS = 6  # of a pair
_MAX_LINES = 400  # of a cell
_BINS = 12


@dataclass(frozen=True)
class About:
    """What staff know of a student besides: a name, and when it was handed in."""

    name: str = ""
    submitted: str = ""


def similarity_page(assignment: str, comparison: Comparison, about: Mapping[str, About]) -> str:
    """The page.

    Args:
        about: by student; nobody has to be in it.
    """
    pairs = comparison.pairs[:SHOWN_PAIRS]
    return _environment().get_template("similarity.html.j2").render(
        assignment=assignment,
        students=len(comparison.students),
        units=list(dict.fromkeys(one.unit.name for one in comparison.units)),
        limit=comparison.units[0].limit if comparison.units else 0,
        histogram=_histogram(comparison),
        pairs=[_pair(comparison, pair) for pair in pairs],
        clusters=clusters(pairs),
        about={student: about.get(student, About()) for student in comparison.students},
    )  # fmt: skip


def _histogram(comparison: Comparison) -> list[dict[str, Any]]:
    """The class by what each student shares with whoever shares most, in equal steps."""
    most = float(comparison.nearest.max()) if len(comparison.nearest) else 0.0
    width = most / _BINS or 1.0
    counts = [0] * _BINS
    for weight in comparison.nearest:
        counts[min(int(weight / width), _BINS - 1)] += 1
    return [
        {"count": count, "from": n * width, "height": round(100 * count / max(counts), 1)}
        for n, count in enumerate(counts)
    ]


def _pair(comparison: Comparison, pair: Pair) -> dict[str, Any]:
    return {
        "pair": pair,
        "below": comparison.below(pair.weight),
        "units": [_side_by_side(comparison, pair, one) for one in pair.shared[:_SHOWN_UNITS]],
        "more": len(pair.shared[_SHOWN_UNITS:]),
    }


def _side_by_side(comparison: Comparison, pair: Pair, shared: Shared) -> dict[str, Any]:
    compared = comparison.units[shared.unit]
    sides = [(pair.one, pair.other), (pair.other, pair.one)]
    return {
        "name": compared.unit.name,
        "notebook": compared.unit.notebook,
        "shared": shared,
        "sides": [
            _lines(compared.unit.codes[student], *compared.marked_lines(student, other))
            for student, other in sides
        ],
    }


def _lines(code: str, same: set[int], plain: set[int]) -> Sequence[tuple[str, str]]:
    """Lines with what they are: shared by these two, said by nobody in particular, or neither."""
    lines = code.splitlines()
    more = [("", f"… {len(lines) - _MAX_LINES} lines more")] if len(lines) > _MAX_LINES else []
    return [
        ("same" if at in same else "plain" if at in plain else "", text)
        for at, text in enumerate(lines[:_MAX_LINES])
    ] + more


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("autograder.similarity"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda value: f"{value:.0%}"
    return environment
