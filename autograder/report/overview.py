"""What a student reads first: all of a submission on one page, and the way to the pages of its notebooks.

Also of a submission without any notebook. As untrusted as the other pages, and as closed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from autograder.clean import clean_text
from autograder.report.item_views import ItemView, Summary, find_items, why_unreadable
from autograder.report.page import template
from autograder.scorecard import NotebookCard, add_points

OVERVIEW = "index.html"
_NOTHING = Markup("")
_LOOK_FIRST = 3  # items


@dataclass(frozen=True)
class NotebookResult:
    """What came of one of the assignment's notebooks."""

    name: str
    title: str
    summary: Summary
    page: str = ""  # the file of its page; empty where there is none
    is_missing: bool = False
    unreadable: Markup = _NOTHING
    is_graded: bool = True


def notebook_result(
    name: str,
    card: NotebookCard | None,
    grades: Mapping[str, dict[str, Any]],
    waiting: Collection[str],
    *,
    title: str,
    max_score: float,
    late_penalty: float = 0.0,
    page: str = "",
) -> NotebookResult:
    """A notebook's row.

    Args:
        name: without `.ipynb`.
        card: its verdicts, as students may read them; None where it was not graded.
        grades: `score` and `points` by grade_id, as the gradebook has them.
        waiting: the items that wait for a person.
        title: of the notebook, for people.
        max_score: what it is worth.
        late_penalty: points that were taken off.
        page: the file of its own page.
    """
    items = find_items(grades, card, waiting) if card else {}
    score = add_points([*(item.score for item in items.values()), -late_penalty])
    return NotebookResult(
        name=clean_text(name),
        title=clean_text(title or name),
        summary=Summary(score, max_score, late_penalty, tuple(items.values())),
        page=page,
        is_missing=card is not None and card.is_missing,
        unreadable=why_unreadable(card),
        is_graded=card is not None,
    )


def render_overview(notebooks: Sequence[NotebookResult], *, student: str, assignment: str) -> str:
    """The page of a whole submission."""
    items = tuple(item for notebook in notebooks for item in notebook.summary.items)
    summary = Summary(
        score=add_points(notebook.summary.score for notebook in notebooks),
        max_score=add_points(notebook.summary.max_score for notebook in notebooks),
        late_penalty=add_points(notebook.summary.late_penalty for notebook in notebooks),
        items=items,
    )
    page: str = template("overview.html.j2").render(
        student=clean_text(student),
        assignment=clean_text(assignment),
        title=clean_text(assignment),
        notebooks=notebooks,
        summary=summary,
        missing=[notebook for notebook in notebooks if notebook.is_missing],
        first=_look_first(notebooks),
    )
    return clean_text(page)


def _look_first(notebooks: Sequence[NotebookResult]) -> list[tuple[NotebookResult, ItemView]]:
    """The items that cost most, of those that have a page to look at; what is not started comes last."""
    lost = [
        (notebook, item)
        for notebook in notebooks
        if notebook.page and not notebook.is_missing
        for item in notebook.summary.items
        if item.lost > 0
    ]
    lost.sort(key=lambda one: (one[1].state == "new", -one[1].lost))
    return lost[:_LOOK_FIRST]
