"""The marks of a class with a row a student: for spreadsheets, and for what platforms are given."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.report.table import (
    Lateness,
    Latenesses,
    Marks,
    Row,
    item_rows,
    plain_number,
    safe_cell,
)
from autograder.scorecard import Scorecard, add_points

# A column an item follows, by the names of notebook and item.
COLUMNS = (
    "student", "submitted", "seconds_late", "late_penalty", "points", "max_score", "waits", "needs_staff"
)  # fmt: skip


@dataclass(frozen=True)
class Total:
    """What a submission has: `points` as they are so far, less the penalty, never below 0.

    `waits` are the points of items without a mark, and of those that staff must look at.
    """

    card: Scorecard
    rows: Sequence[Row]
    late: Lateness

    @property
    def points(self) -> float:
        return max(0.0, add_points([*(row.score or 0.0 for row in self.rows), -self.late.penalty]))

    @property
    def max_score(self) -> float:
        return add_points(row.item.worth for row in self.rows)

    @property
    def waits(self) -> float:
        return add_points(row.item.worth for row in self.rows if row.score is None)

    @property
    def complete(self) -> bool:
        """Whether nothing waits, not even a bonus."""
        return all(row.score is not None for row in self.rows)


def totals(cards: Sequence[Scorecard], marks: Marks | None, late: Latenesses | None) -> list[Total]:
    """The submissions of one assignment with what they have, by student."""
    return [
        Total(card, list(item_rows([card], marks)), (late or {}).get(card.student, Lateness()))
        for card in sorted(cards, key=lambda card: card.student)
    ]


def to_wide_csv(cards: Sequence[Scorecard], marks: Marks | None, late: Latenesses | None) -> str:
    """A row a student, a column an item (`notebook/grade_id`), after the totals.

    An item that waits has an empty cell, never 0. `waits` are the points that are still open.
    """
    found = totals(cards, marks, late)
    items = list(
        dict.fromkeys((row.notebook, row.item.grade_id) for one in found for row in one.rows)
    )
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*COLUMNS, *("/".join(item) for item in items)])
    for one in found:
        scores = {(row.notebook, row.item.grade_id): row.score for row in one.rows}
        cells = [scores.get(item) for item in items]
        writer.writerow(
            [
                safe_cell(one.card.student),
                one.late.when,
                f"{one.late.seconds_late:.0f}",
                *map(plain_number, (one.late.penalty, one.points, one.max_score, one.waits)),
                safe_cell("; ".join(one.card.reasons)),
                *("" if score is None else plain_number(score) for score in cells),
            ]
        )
    return out.getvalue().encode("utf-8", "replace").decode()
