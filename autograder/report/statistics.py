"""The figures of a class: how hard each item was, and whether it tells who has learnt from who has not.

Classical test theory (Allen and Yen, Introduction to Measurement Theory, 1979; Ebel and Frisbie, Essentials
of Educational Measurement, 1991). What is not judged (`ungraded`, a written answer that waits, a
notebook that was not handed in) is in no denominator, and counted by itself.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from autograder.report.item_views import is_new
from autograder.report.table import Row
from autograder.scorecard import NOT_HANDED_IN, Verdict, add_points

Floats = npt.NDArray[np.float64]
GROUPS = 5
FEWEST_FOR_GROUPS = 10  # students, two a group
_Z = 1.959964  # the standard normal's 97.5 % point


@dataclass(frozen=True)
class ItemOf:
    """An item of the assignment, as the course has it."""

    notebook: str
    grade_id: str
    max_score: float
    manual: bool = False


@dataclass(frozen=True)
class ItemFigures:
    """What a class did with one item.

    Attributes:
        judged: students with a final score.
        ungraded: that staff must look at, and `waiting` for a person.
        absent: students who did not hand its notebook in.
        difficulty: the mean share of its points, in [0, 1]; None where nobody is judged, as all below.
        deviation: the sample standard deviation of the points.
        full, none: the shares of students with all points and with 0.
        discrimination: Pearson's correlation of its points with the sum of the others', over the
            `complete` students; None also where either does not vary, or of fewer than three.
        interval: its 95 % confidence interval, by Fisher's z; None of fewer than four students.
        groups: the mean share of points in each fifth of the class by total points, the lowest first;
            empty for small classes.
        verdicts: how many of the judged and ungraded ended so; empty where a person marks.
    """

    item: ItemOf
    judged: int
    ungraded: int
    waiting: int
    absent: int
    difficulty: float | None
    deviation: float | None
    full: float | None
    none: float | None
    discrimination: float | None
    interval: tuple[float, float] | None
    groups: tuple[float, ...]
    verdicts: dict[str, int]


class ClassFigures:
    """The scores of a class as a matrix, and what follows from it.

    Attributes:
        items: in the course's order, bonuses left out.
        students: by id, whoever handed something in.
        scores: (students, items); NaN where there is no final score.
        verdicts: by (student, grade_id) the verdict's word, or `waiting`, `marked` or `absent`.
        untouched: by item how many handed its stub in as it was.
    """

    def __init__(self, items: Sequence[ItemOf], rows: Sequence[Row]) -> None:
        self.items = tuple(items)
        self.students = tuple(sorted({row.student for row in rows}))
        self.scores: Floats = np.full((len(self.students), len(items)), np.nan)
        place = {(item.notebook, item.grade_id): n for n, item in enumerate(items)}
        at = {student: n for n, student in enumerate(self.students)}
        self.verdicts: dict[tuple[str, str, str], str] = {}
        self.untouched: Counter[tuple[str, str]] = Counter()
        for row in rows:
            key = (row.notebook, row.item.grade_id)
            if key not in place:
                continue  # a bonus, or an item that the course does not have any more
            word = self.verdicts[row.student, *key] = _word(row)
            if row.score is not None and word != "absent":
                self.scores[at[row.student], place[key]] = row.score
                self.untouched[key] += word == Verdict.RAISED and is_new(row.item)

    def word(self, student: str, item: ItemOf) -> str:
        """How an item ended for a student: a verdict, `marked`, `waiting`, or `absent`."""
        return self.verdicts.get((student, item.notebook, item.grade_id), "absent")

    @cached_property
    def totals(self) -> Floats:
        """Points of each student (students,), what is not judged or not there counting nothing."""
        return np.array([add_points(row[~np.isnan(row)]) for row in self.scores])

    @property
    def max_score(self) -> float:
        return add_points(item.max_score for item in self.items)

    @cached_property
    def _weighed(self) -> npt.NDArray[np.bool_]:
        """Items (items,) that can be added up: nobody who handed the notebook in waits for a mark."""
        waits = {
            (notebook, grade_id)
            for (_, notebook, grade_id), word in self.verdicts.items()
            if word == "waiting"
        }
        return np.array(
            [
                (item.notebook, item.grade_id) not in waits and bool(np.isfinite(column).any())
                for item, column in zip(self.items, self.scores.T, strict=True)
            ],
            dtype=bool,
        )

    @cached_property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Students (students,) with a final score of every item that can be added up."""
        weighed = self.scores[:, self._weighed]
        there = np.array([bool(np.isfinite(row).all()) for row in weighed], dtype=bool)
        return there if self._weighed.any() else np.zeros_like(there)

    @cached_property
    def matrix(self) -> Floats:
        """Scores (complete students, items that can be added up)."""
        return self.scores[np.ix_(self.complete, self._weighed)]

    @property
    def alpha(self) -> float | None:
        """Cronbach's alpha of the items, or None where it is not defined."""
        students, items = self.matrix.shape
        if students < 2 or items < 2:
            return None
        variance = float(self.matrix.sum(axis=1).var(ddof=1))
        if variance <= 0:
            return None
        parts = float(self.matrix.var(axis=0, ddof=1).sum())
        return float(items / (items - 1) * (1 - parts / variance))

    @cached_property
    def _group_of(self) -> npt.NDArray[np.int64]:
        """The fifth of each complete student by total, 0 the lowest; equal totals by their ids' order."""
        order = np.argsort(self.matrix.sum(axis=1), kind="stable")
        group = np.empty(len(order), dtype=np.int64)
        for number, members in enumerate(np.array_split(order, GROUPS)):
            group[members] = number
        return group

    def figures(self) -> list[ItemFigures]:
        """The figures of every item, in order."""
        return [self._of(number) for number in range(len(self.items))]

    def _of(self, number: int) -> ItemFigures:
        item, column = self.items[number], self.scores[:, number]
        points = column[np.isfinite(column)]
        words = Counter(self.word(student, item) for student in self.students)
        shares: dict[str, float | None] = dict.fromkeys(("difficulty", "deviation", "full", "none"))
        if len(points) and item.max_score > 0:
            shares["difficulty"] = float(points.mean()) / item.max_score
            shares["full"] = float((points >= item.max_score).mean())
            shares["none"] = float((points <= 0).mean())
        if len(points) > 1:
            shares["deviation"] = float(points.std(ddof=1))
        r: float | None = None
        groups: tuple[float, ...] = ()
        if self._weighed[number]:
            own = self.scores[self.complete, number]
            r = correlation(own, self.matrix.sum(axis=1) - own)
            groups = self._groups(own, item.max_score)
        return ItemFigures(
            item=item,
            judged=len(points),
            ungraded=words["ungraded"],
            waiting=words["waiting"],
            absent=words["absent"],
            discrimination=r,
            interval=None if r is None else fisher_interval(r, len(self.matrix)),
            groups=groups,
            verdicts={word.value: words[word.value] for word in Verdict if words[word.value]},
            **shares,
        )

    def _groups(self, own: Floats, max_score: float) -> tuple[float, ...]:
        if len(own) < FEWEST_FOR_GROUPS or max_score <= 0:
            return ()
        return tuple(float(own[self._group_of == n].mean()) / max_score for n in range(GROUPS))


def _word(row: Row) -> str:
    if any(check.name == NOT_HANDED_IN for check in row.item.checks) and not row.score:
        return "absent"
    if row.score is None:
        return "ungraded" if row.state == "ungraded" else "waiting"
    return row.item.verdict.value if row.item.verdict else "marked"


def correlation(values: Floats, others: Floats) -> float | None:
    """Pearson's r of two samples of one length; None of fewer than three, or where one does not vary."""
    if len(values) < 3:
        return None
    a, b = values - values.mean(), others - others.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    if size <= 1e-12:
        return None
    return max(-1.0, min(1.0, float(a @ b) / size))


def fisher_interval(r: float, count: int) -> tuple[float, float] | None:
    """The 95 % interval of a correlation of `count` pairs (Fisher, 1921); None of fewer than four."""
    if count < 4:
        return None
    if abs(r) >= 1:
        return r, r
    z, half = math.atanh(r), _Z / math.sqrt(count - 3)
    return math.tanh(z - half), math.tanh(z + half)


def wilson_interval(seen: int, count: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share (Wilson, 1927). `count` is positive."""
    share, z2 = seen / count, _Z * _Z
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count)) / (1 + z2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def distribution(totals: Floats, max_score: float, bins: int = 10) -> list[int]:
    """How many totals (students,) lie in each of so many equal parts from 0 to the maximum, it included."""
    edge = max(max_score, float(totals.max(initial=0.0)), 1e-9)
    counts, _ = np.histogram(
        totals, bins=bins, range=(min(0.0, float(totals.min(initial=0.0))), edge)
    )
    return [int(count) for count in counts]


def spread(totals: Floats) -> dict[str, Any]:
    """Mean, median, sample standard deviation, least and most of the totals (students,), by name."""
    return {
        "mean": float(totals.mean()),
        "median": float(np.median(totals)),
        "deviation": float(totals.std(ddof=1)) if len(totals) > 1 else None,
        "least": float(totals.min()),
        "most": float(totals.max()),
    }
