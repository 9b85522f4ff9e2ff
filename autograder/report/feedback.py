"""What a student reads about one notebook: own code and outputs, and a verdict for each item.

One HTML page that needs nothing else and runs nothing. All of a submission is untrusted: its code,
outputs, markdown, metadata, the messages that quote it, even the student's name. Four walls stand in
its way: `pieces` and `markdown` escape or clean what they make, the template escapes all else, ids in
the page are numbers of ours, and the page's own policy forbids scripts and every request.

Not in the page: hidden tests, expected values, what is for staff, other students.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from markupsafe import Markup
from nbformat import NotebookNode

from autograder.clean import clean_text
from autograder.report.item_views import NOT_GRADED, ItemView, Summary, find_items, why_unreadable
from autograder.report.markdown import NotebookMarkdown, as_written, render_markdown
from autograder.report.page import template
from autograder.report.pictures import fit_pictures
from autograder.report.pieces import (
    coloured,
    highlight,
    inline_code,
    numbered,
    render_outputs,
)
from autograder.report.structure import TITLE, Headings, tidy, title_of
from autograder.report.tracebacks import line_of_error
from autograder.scorecard import NotebookCard

_NOTHING = Markup("")


@dataclass(frozen=True)
class PageLink:
    """Another page of the same submission, in the same folder."""

    href: str
    title: str


@dataclass
class CellView:
    """One cell as the page shows it. `kind`: prose, code, given, answer or check."""

    kind: str
    body: Markup
    outputs: list[Markup] = field(default_factory=list)
    comment: Markup = _NOTHING
    item: ItemView | None = None


def render_feedback(
    notebook: NotebookNode,
    card: NotebookCard | None,
    *,
    student: str,
    assignment: str,
    score: float,
    max_score: float,
    for_students: Callable[[str], str],
    waiting: Collection[str],
    late_penalty: float = 0.0,
    overview: PageLink | None = None,
    before: PageLink | None = None,
    after: PageLink | None = None,
) -> str:
    """The feedback page for one autograded notebook.

    Args:
        notebook: after nbgrader's GetGrades: points and comments lie in its cells' metadata.
        card: verdicts and checks; without one only the points are shown.
        student: who handed in.
        assignment: its name.
        score: the notebook's points in the gradebook, less the penalty.
        max_score: what the notebook is worth.
        for_students: takes what is for staff out of the text of a grade cell or a task cell.
        waiting: the items that the gradebook wants a person to look at (`needs_manual_grade`).
        late_penalty: points lost for handing in late.
        overview, before, after: where the submission's other pages are.
    """
    cells = notebook.get("cells", [])
    items = find_items(_graded_cells(cells), card, waiting)
    summary = Summary(score, max_score, late_penalty, tuple(items.values()))
    said = {item.hint.strip() for item in card.items} if card else set()
    title = title_of(cells)
    unreadable = why_unreadable(card)
    page = _Page(cells, items, said, for_students)
    shown = [] if unreadable else page.cells()
    rendered = template("feedback.html.j2").render(
        student=clean_text(student),
        assignment=clean_text(assignment),
        title=clean_text(title or (card.name if card else assignment)),
        file=f"{clean_text(card.name)}.ipynb" if card else "",
        summary=summary,
        unreadable=unreadable,
        cells=shown,
        rest=[] if unreadable else list(items.values()),  # `_Page` takes out what it shows
        repairs=[inline_code(line) for line in card.repairs] if card else [],
        links={"overview": overview, "before": before, "after": after},
        not_graded=NOT_GRADED,
    )
    return fit_pictures(clean_text(rendered))


class _Page:
    """The cells of a notebook, one after the other."""

    def __init__(
        self,
        cells: Sequence[NotebookNode],
        items: dict[str, ItemView],
        said: set[str],
        for_students: Callable[[str], str],
    ) -> None:
        self._cells, self._items, self._said = cells, items, said
        self._for_students = for_students
        self._markdown = NotebookMarkdown()
        self._headings = Headings()
        self._titled = False

    def cells(self) -> list[CellView]:
        """What there is to see; takes the items that it shows out of `items`."""
        lines = _lines_named(self._cells, self._items)
        seen = (self._view(cell, lines.get(n, set())) for n, cell in enumerate(self._cells))
        return [view for view in seen if view is not None]

    def _view(self, cell: NotebookNode, named: Collection[int]) -> CellView | None:
        about = _nbgrader(cell)
        source = _source(cell)
        graded = bool(about.get("grade") or about.get("task"))
        # Taken out, so that a second cell of the same id shows none.
        item = self._items.pop(_grade_id(about), None) if graded else None
        kind = _kind(cell, about)
        comment = str(about.get("comment") or "").strip()
        body, outputs = self._content(cell, kind, source, about, named)
        shown = comment if comment not in self._said else ""  # the item's panel says it already
        if item is not None:
            self._headings.own(3)
        if not ((body and source.strip()) or outputs or item or shown):
            return None
        return CellView(kind, body, outputs, self._prose(shown) if shown else _NOTHING, item)

    def _content(
        self,
        cell: NotebookNode,
        kind: str,
        source: str,
        about: dict[str, Any],
        named: Collection[int],
    ) -> tuple[Markup, list[Markup]]:
        if kind == "check":
            visible = self._for_students(source)
            # A traceback quotes the source that ran, which must not be a hidden test.
            return highlight(visible), self._outputs(cell, "", tracebacks=visible == source)
        if about.get("task"):
            source = self._for_students(source)
        if cell.get("cell_type") == "code":
            marked = {*named, line_of_error(cell)}
            body = _NOTHING if kind == "given" else numbered(source.strip("\n"), marked)
            return body, self._outputs(cell, _grade_id(about) if kind == "answer" else "")
        if cell.get("cell_type") != "markdown":
            return Markup("<pre>{}</pre>").format(coloured(source)), []
        if not self._titled and (title := TITLE.match(source)):
            self._titled = True  # it stands at the top of the page
            source = source[title.end() :]
        if not self._markdown.has_room(source):
            return Markup(as_written(source)), []
        return self._prose(source, cell.get("attachments")), []

    def _outputs(self, cell: NotebookNode, of: str, tracebacks: bool = True) -> list[Markup]:
        alt = f"Your picture of {clean_text(of)}" if of else "A picture of your notebook"
        outputs = render_outputs(cell, tracebacks=tracebacks, markdown=self._markdown, alt=alt)
        return [self._headings.fit(output) for output in outputs]

    def _prose(self, source: str, attachments: Any = None) -> Markup:
        html = _html_of(source) if not attachments else _html_with(source, attachments)
        return self._headings.fit(html)


def _html_with(source: str, attachments: Any) -> Markup:
    return Markup(tidy(render_markdown(source, attachments)))


@lru_cache(maxsize=128)  # the notebooks of a class have most of their texts in common
def _html_of(source: str) -> Markup:
    return _html_with(source, None)


def _graded_cells(cells: Sequence[NotebookNode]) -> dict[str, dict[str, Any]]:
    """What GetGrades left on the items, by grade_id."""
    graded: dict[str, dict[str, Any]] = {}
    for cell in cells:
        about = _nbgrader(cell)
        if about.get("grade") or about.get("task"):
            graded.setdefault(_grade_id(about), about)
    return graded


def _lines_named(cells: Sequence[NotebookNode], items: dict[str, ItemView]) -> dict[int, set[int]]:
    """By the number of an answer's cell, its lines that messages on the items after it name."""
    lines: dict[int, set[int]] = {}
    answer = -1
    for number, cell in enumerate(cells):
        about = _nbgrader(cell)
        if about.get("solution") and cell.get("cell_type") == "code":
            answer = number
        item = items.get(_grade_id(about)) if about.get("grade") else None
        if item is not None and answer >= 0:
            lines.setdefault(answer, set()).update(item.lines)
    return lines


def _kind(cell: NotebookNode, about: dict[str, Any]) -> str:
    if about.get("solution") or about.get("task"):
        return "answer"
    if about.get("grade"):
        return "check"
    if cell.get("cell_type") != "code":
        return "prose"
    return "given" if about.get("locked") else "code"


def _source(cell: NotebookNode) -> str:
    return str(cell.get("source", ""))


def _nbgrader(cell: NotebookNode) -> dict[str, Any]:
    metadata = cell.get("metadata")
    about = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return about if isinstance(about, dict) else {}


def _grade_id(about: dict[str, Any]) -> str:
    return str(about.get("grade_id", ""))
