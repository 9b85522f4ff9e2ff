"""One submission on a terminal: an item a row, with what its student should read."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from autograder.report.table import BY_CELLS
from autograder.scorecard import Item, Scorecard, Verdict, add_points, counted, points_text

_COLOURS = {"passed": "green", "failed": "red", "raised": "red", "limit": "yellow"}


def item_table(card: Scorecard) -> Table:
    """The items of a scorecard: verdict, points, and the hint for what did not pass."""
    unjudged = add_points(
        item.max_score for item in card.items if item.verdict is Verdict.UNGRADED and not item.bonus
    )
    waiting = f", {points_text(unjudged)} of them not judged yet" if unjudged else ""
    notes = [f"{card.size} size, on {card.device}", *card.staff_notes]
    if by_cells := [item.grade_id for item in card.items if item.in_notebook]:
        notes.append(f"{BY_CELLS}: {', '.join(by_cells)}")
    points = f"{points_text(card.score)} of {counted(card.auto_max_score, 'point')}{waiting}"
    has_points = bool(card.auto_max_score) or not card.trial
    if card.trial:
        points = f"a trial, {points}" if has_points else "a trial, without points"
    table = Table(
        title=f"{card.student}, {card.assignment}: {points}",
        caption="\n".join(notes),
    )
    table.add_column("item")
    table.add_column("verdict")
    table.add_column("points", justify="right")
    table.add_column("what to look at", overflow="fold")
    for notebook in card.notebooks:
        table.add_section()
        for item in notebook.items:
            verdict = item.verdict.value if item.verdict else "a person marks it"
            table.add_row(
                Text(item.grade_id),
                Text(verdict, style=_COLOURS.get(verdict, "")),
                Text(_points(item) if has_points else ""),
                Text(item.hint),
            )
    return table


def _points(item: Item) -> str:
    scored = "–" if item.score is None else points_text(item.score)
    return f"{scored} / {points_text(item.max_score)}{' bonus' if item.bonus else ''}"
