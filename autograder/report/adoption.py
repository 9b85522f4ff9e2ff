"""What an adopted assignment holds, as a table."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from autograder.scorecard import points_text


def adoption_table(assignment: str, rows: Iterable[tuple[str, str, float, str]]) -> Table:
    """A row an item: notebook, grade_id, points, and what judges it."""
    table = Table(title=assignment, title_justify="left")
    table.add_column("notebook")
    table.add_column("item")
    table.add_column("points", justify="right")
    table.add_column("judged by")
    for notebook, grade_id, points, judged_by in rows:
        table.add_row(notebook, grade_id, points_text(points), judged_by)
    return table
