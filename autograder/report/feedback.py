"""What a student reads about one notebook: own code and outputs, and a verdict for each item.

One HTML page that needs nothing else and runs nothing. All of a submission is untrusted: its code,
outputs, markdown, metadata, the messages that quote it, even the student's name. Four walls stand in
its way: `pieces` and `markdown` escape or clean what they make, the template escapes all else, ids in
the page are numbers of ours, and the page's own policy forbids scripts and every request.

Not in the page: hidden tests, expected values, what is for staff, other students.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from nbformat import NotebookNode

from autograder.clean import clean_text
from autograder.report.markdown import NotebookMarkdown, as_written, render_markdown
from autograder.report.pieces import coloured, highlight, inline_code, render_outputs
from autograder.scorecard import (
    Check,
    Item,
    NotebookCard,
    Verdict,
    add_points,
    counted,
    points_text,
)

NOT_GRADED = "This item could not be graded; the staff have been told. It is not a zero."

_NOTHING = Markup("")
_WORDS = {
    "passed": "Passed",
    "partly": "Partly passed",
    "failed": "Not passed",
    "raised": "Raised an error",
    "limit": "Hit a limit",
    "ungraded": "Not graded",
    "waiting": "Waiting for a person",
    "marked": "Marked",
}


@dataclass(frozen=True)
class ItemView:
    """One item as the page shows it."""

    anchor: str
    name: str
    state: str  # a key of _WORDS
    score: float
    max_score: float
    checks: tuple[CheckView, ...] = ()
    message: Markup = _NOTHING
    by_person: bool = False
    bonus: bool = False

    @property
    def word(self) -> str:
        return _WORDS[self.state]

    @property
    def is_open(self) -> bool:
        """Whether points may still come."""
        return self.state in ("waiting", "ungraded")


@dataclass(frozen=True)
class CheckView:
    """One check of an item; message and hint only where it did not pass."""

    title: Markup
    state: str
    message: Markup = _NOTHING
    hint: Markup = _NOTHING
    note: Markup = _NOTHING

    @property
    def word(self) -> str:
        return _WORDS[self.state]


@dataclass
class CellView:
    """One cell as the page shows it. `kind`: prose, code, given, answer or check."""

    kind: str
    body: Markup
    outputs: list[Markup] = field(default_factory=list)
    comment: Markup = _NOTHING
    item: ItemView | None = None


@dataclass(frozen=True)
class Summary:
    """The points at a glance; the shares are parts of a hundred."""

    score: float
    max_score: float
    late_penalty: float
    items: tuple[ItemView, ...]

    @property
    def open_points(self) -> float:
        items = (item for item in self.items if item.is_open and not item.bonus)
        return add_points(max(0.0, item.max_score - item.score) for item in items)

    @property
    def waiting(self) -> int:
        return sum(item.state == "waiting" for item in self.items)

    @property
    def earned_share(self) -> float:
        return self._share(self.score)

    @property
    def open_share(self) -> float:
        return min(self._share(self.open_points), 100 - self.earned_share)

    def _share(self, points: float) -> float:
        return round(100 * min(max(points / self.max_score, 0), 1), 1) if self.max_score else 0.0


def render_feedback(
    notebook: NotebookNode,
    card: NotebookCard | None,
    *,
    student: str,
    assignment: str,
    score: float,
    max_score: float,
    for_students: Callable[[str], str],
    late_penalty: float = 0.0,
    waiting: Collection[str] | None = None,
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
        late_penalty: points lost for handing in late.
        waiting: the items that the gradebook wants a person to look at (`needs_manual_grade`).
            Without it, a written answer with neither points nor a comment counts as waiting.
    """
    items = _find_items(notebook, card, waiting)
    shown = {view.name: view for view in items.values()}
    said = {item.hint.strip() for item in card.items} if card else set()
    markdown = NotebookMarkdown()
    cells = [
        _cell_view(cell, items, said, for_students, markdown) for cell in notebook.get("cells", [])
    ]
    page = _template().render(
        student=clean_text(student),
        assignment=clean_text(assignment),
        notebook=clean_text(card.name) if card else "",
        summary=Summary(score, max_score, late_penalty, tuple(shown.values())),
        cells=[cell for cell in cells if cell is not None],
        rest=list(items.values()),  # `_cell_view` takes out what it shows
        repairs=[inline_code(line) for line in card.repairs] if card else [],
        words=_WORDS,
        not_graded=NOT_GRADED,
    )
    return clean_text(page)


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("autograder.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["points"] = points_text
    environment.filters["counted"] = counted
    return environment.get_template("feedback.html.j2")


def _find_items(
    notebook: NotebookNode, card: NotebookCard | None, waiting: Collection[str] | None
) -> dict[str, ItemView]:
    """The items by grade_id: in the notebook's order, then those of the card that it does not have."""
    cells: dict[str, dict[str, Any]] = {}
    for cell in notebook.get("cells", []):
        about = _nbgrader(cell)
        if about.get("grade") or about.get("task"):
            cells.setdefault(_grade_id(about), about)
    known = {item.grade_id: item for item in card.items} if card else {}
    for grade_id, about in list(cells.items()):
        if grade_id not in known and about.get("points") == 0 and not about.get("score"):
            del cells[grade_id]  # a bonus for which nothing was handed in
    views = {}
    for number, grade_id in enumerate(dict.fromkeys([*cells, *known]), 1):
        about, item = cells.get(grade_id, {}), known.get(grade_id)
        views[grade_id] = _item_view(f"item-{number}", grade_id, about, item, waiting)
    return views


def _item_view(
    anchor: str,
    grade_id: str,
    about: dict[str, Any],
    item: Item | None,
    waiting: Collection[str] | None,
) -> ItemView:
    auto_score = item.score if item else None
    bonus = item is not None and item.bonus
    score = _number(about.get("score"), auto_score or 0.0)
    max_score = _number(about.get("points"), 0.0)
    if item is not None and (bonus or "points" not in about):
        max_score = item.max_score
    manual = item.manual if item else bool(about.get("solution") or about.get("task"))
    verdict = item.verdict if item else None
    undecided = manual or verdict is Verdict.UNGRADED
    if waiting is not None:
        is_waiting = undecided and grade_id in waiting
    else:
        is_waiting = undecided and not score and (not manual or not str(about.get("comment") or ""))
    by_person = auto_score is not None and abs(score - auto_score) > 0.005
    if is_waiting:
        state = "waiting" if manual else "ungraded"
    elif undecided or verdict is None:
        state = "marked"
    elif verdict is Verdict.FAILED and auto_score:
        state = "partly"
    else:
        state = verdict.value
    checks = item.checks if item and state != "ungraded" and not manual else ()
    return ItemView(
        anchor=anchor,
        name=clean_text(grade_id.removesuffix("_tests").removesuffix("_test")),
        state=state,
        score=score,
        max_score=max_score,
        checks=tuple(_check_view(check) for check in checks),
        message=inline_code(item.message) if item and state != "ungraded" else _NOTHING,
        by_person=by_person or (state == "marked" and verdict is Verdict.UNGRADED),
        bonus=bonus,
    )


def _check_view(check: Check) -> CheckView:
    passed = check.verdict in (Verdict.PASSED, Verdict.UNGRADED)
    return CheckView(
        title=inline_code(check.title or "A check"),
        state=check.verdict.value,
        message=_NOTHING if passed else inline_code(check.message),
        hint=_NOTHING if passed else inline_code(check.hint),
        note=inline_code(check.note),
    )


def _cell_view(
    cell: NotebookNode,
    items: dict[str, ItemView],
    said: set[str],
    for_students: Callable[[str], str],
    markdown: NotebookMarkdown,
) -> CellView | None:
    """One cell; takes its item out of `items`, so that a second cell of the same id shows none."""
    about = _nbgrader(cell)
    source = str(cell.get("source", ""))
    graded = bool(about.get("grade") or about.get("task"))
    item = items.pop(_grade_id(about), None) if graded else None
    kind = _kind(cell, about)
    if kind == "check":
        visible = for_students(source)
        # A traceback quotes the source that ran, which must not be a hidden test.
        outputs = render_outputs(cell, tracebacks=visible == source, markdown=markdown)
        return CellView(kind, highlight(visible), outputs, item=item)
    if about.get("task"):
        source = for_students(source)
    if cell.get("cell_type") == "code":
        text = source.strip("\n")
        body = _NOTHING if kind == "given" else highlight(text)  # every student has it
        outputs = render_outputs(cell, markdown=markdown)
    elif cell.get("cell_type") == "markdown":
        room = markdown.has_room(source)
        body = _markdown(source, cell.get("attachments")) if room else Markup(as_written(source))
        outputs = []
    else:
        body, outputs = Markup("<pre>{}</pre>").format(coloured(source)), []
    comment = str(about.get("comment") or "").strip()
    shown = comment if comment not in said else ""  # the item's panel says it already
    if not ((body and source.strip()) or outputs or item or shown):
        return None
    return CellView(kind, body, outputs, _markdown(shown) if shown else _NOTHING, item)


def _kind(cell: NotebookNode, about: dict[str, Any]) -> str:
    if about.get("solution") or about.get("task"):
        return "answer"
    if about.get("grade"):
        return "check"
    if cell.get("cell_type") != "code":
        return "prose"
    return "given" if about.get("locked") else "code"


def _markdown(source: str, attachments: Any = None) -> Markup:
    html = render_markdown(source, attachments, tex_as_code=True)
    return Markup(html)


def _nbgrader(cell: NotebookNode) -> dict[str, Any]:
    metadata = cell.get("metadata")
    about = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return about if isinstance(about, dict) else {}


def _grade_id(about: dict[str, Any]) -> str:
    return str(about.get("grade_id", ""))


def _number(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise
