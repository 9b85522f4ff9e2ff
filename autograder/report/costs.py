"""What judging an item took, which limits it came to, and how near runs came to thresholds of chance."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from autograder.report.table import Row
from autograder.scorecard import Check, Figure, Item, Verdict


@dataclass(frozen=True)
class Nearness:
    """One threshold of chance, over a class.

    Attributes:
        needed: what is asked for; `at_most` or at least.
        nearest, median, farthest: from the threshold, of the figures of runs whose check passed; None where
            there is none.
        passed: how many these are.
        missed: runs that did not reach it.
        alone: the students among these, by id, who passed every other check of the item. Of right runs one in
            a thousand is such a one.
    """

    notebook: str
    grade_id: str
    name: str
    needed: float
    at_most: bool
    nearest: float | None
    median: float | None
    farthest: float | None
    passed: int
    missed: int
    alone: tuple[str, ...]


def costs(rows: Sequence[Row]) -> dict[tuple[str, str], dict[str, Any]]:
    """What judging took, by notebook and grade_id. It says nothing of learning.

    Returns:
        `seconds`: the median and the most of what an item's hidden tests took for a submission, by the clock,
            with whatever else the machine did; None where nobody was timed, as of tests in the notebook;
        `limits`: submissions by the setting of the limit that they came to; `kernel` where it died.
    """
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    limits: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        place = (row.notebook, row.item.grade_id)
        timed = [check.seconds for check in row.item.checks if check.seconds is not None]
        if timed:
            seconds[place].append(sum(timed))
        limits[place].update({check.limit for check in row.item.checks if check.limit})
    return {
        place: {
            "seconds": _of_clock(seconds[place]) if place in seconds else None,
            "limits": dict(sorted(hit.items())),
        }
        for place, hit in limits.items()
    }


def _of_clock(seconds: Sequence[float]) -> dict[str, float]:
    return {"median": median(seconds), "most": max(seconds)}


def nearness(rows: Sequence[Row]) -> list[Nearness]:
    """Of each threshold that the judge has noted, in the order of the rows.

    Where a class was judged with several thresholds for one figure, each stands for itself.
    """
    seen: dict[tuple[str, str, str, float, bool], list[tuple[Row, Check, Figure]]] = {}
    for row in rows:
        for check in row.item.checks:
            for figure in check.figures:
                what = (figure.name, figure.needed, figure.at_most)
                found = seen.setdefault((row.notebook, row.item.grade_id, *what), [])
                found.append((row, check, figure))
    return [_nearness(*what, runs) for what, runs in seen.items()]


def _nearness(
    notebook: str,
    grade_id: str,
    name: str,
    needed: float,
    at_most: bool,
    runs: Sequence[tuple[Row, Check, Figure]],
) -> Nearness:
    right = sorted(figure.seen for _, check, figure in runs if check.verdict is Verdict.PASSED)
    if at_most:
        right.reverse()
    missed = [(row, check) for row, check, figure in runs if not figure.reached]
    return Nearness(
        notebook=notebook,
        grade_id=grade_id,
        name=name,
        needed=needed,
        at_most=at_most,
        nearest=right[0] if right else None,
        median=median(right) if right else None,
        farthest=right[-1] if right else None,
        passed=len(right),
        missed=len(missed),
        alone=tuple(row.student for row, check in missed if _is_alone(row.item, check)),
    )


def _is_alone(item: Item, missed: Check) -> bool:
    return all(check.verdict is Verdict.PASSED for check in item.checks if check is not missed)
