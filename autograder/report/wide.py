"""The marks of a class with a row a student: for spreadsheets, and for what platforms are given."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from autograder.report.table import Latenesses, Marks, plain_number, safe_cell, submissions
from autograder.scorecard import Scorecard, add_points

# A column an item follows, by the names of notebook and item.
COLUMNS = (
    "student", "submitted", "seconds_late", "late_penalty", "points", "max_score", "waits", "needs_staff"
)  # fmt: skip


def to_wide_csv(cards: Sequence[Scorecard], marks: Marks | None, late: Latenesses | None) -> str:
    """A row a student, a column an item (`notebook/grade_id`), after the totals.

    An item that waits has an empty cell, never 0. `points` are as they are so far, less the penalty, never
    below 0. `waits` are the points that are still open, those that staff must look at among them.
    """
    found = submissions(cards, marks, late)
    items = list(
        dict.fromkeys((row.notebook, row.item.grade_id) for one in found for row in one.rows)
    )
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*COLUMNS, *("/".join(item) for item in items)])
    for one in found:
        scores = {(row.notebook, row.item.grade_id): row.score for row in one.rows}
        cells = [scores.get(item) for item in items]
        waits = add_points(row.item.worth for row in one.rows if row.score is None)
        totals = (one.late.penalty, max(0.0, one.score), one.max_score, waits)
        writer.writerow(
            [
                safe_cell(one.card.student),
                one.late.when,
                f"{one.late.seconds_late:.0f}",
                *map(plain_number, totals),
                safe_cell("; ".join(one.card.reasons)),
                *("" if score is None else plain_number(score) for score in cells),
            ]
        )
    return out.getvalue().encode("utf-8", "replace").decode()
