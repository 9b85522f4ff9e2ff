"""Items, checks and points as pages for students show them: one row a mistake, and what is still open."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from autograder.clean import clean_text
from autograder.report.pieces import inline_code
from autograder.scorecard import Check, Item, NotebookCard, Verdict, add_points, named_mistakes

NOT_GRADED = "This item could not be graded; the staff have been told. It is not a zero."

_NOTHING = Markup("")
WORDS = {
    "passed": "Passed",
    "partly": "Partly passed",
    "failed": "Not passed",
    "raised": "Raised an error",
    "limit": "Hit a limit",
    "new": "Not started",
    "ungraded": "Not graded",
    "waiting": "Waiting for a person",
    "marked": "Marked",
}
# As `StudentRaised` says it, and where.
_STUB = re.compile(r"This is still a stub: it raises NotImplementedError(?: in `(\w+)`)?")
_OF_CLASSES = ("__init__", "forward")
_EXPLAINED = "named above explains this"  # as hidden tests of training say it
_LINE = re.compile(r"\bline (\d{1,6}) of its cell")


@dataclass(frozen=True)
class ItemView:
    """One item as the page shows it."""

    anchor: str
    name: str
    state: str  # a key of WORDS
    score: float
    max_score: float
    checks: tuple[CheckView, ...] = ()
    message: Markup = _NOTHING
    by_person: bool = False
    bonus: bool = False
    lines: frozenset[int] = frozenset()  # of its cell, that messages name

    @property
    def lost(self) -> float:
        """The points that it lacks for good, as things stand."""
        return 0.0 if self.is_open or self.bonus else max(0.0, self.max_score - self.score)

    @property
    def word(self) -> str:
        return WORDS[self.state]

    @property
    def is_open(self) -> bool:
        """Whether points may still come."""
        return self.state in ("waiting", "ungraded")


@dataclass(frozen=True)
class CheckView:
    """Checks of an item that say the same: one mistake, one row. Message and hint where they did not pass."""

    titles: tuple[Markup, ...]
    state: str
    message: Markup = _NOTHING
    hint: Markup = _NOTHING
    note: Markup = _NOTHING

    @property
    def word(self) -> str:
        return WORDS[self.state]


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
    def has_ungraded(self) -> bool:
        return any(item.state == "ungraded" for item in self.items)

    @property
    def is_ungraded(self) -> bool:
        """Whether not one of several judged items has a verdict: said once, not for each."""
        judged = [item for item in self.items if item.state not in ("waiting", "marked")]
        return len(judged) > 1 and all(item.state == "ungraded" for item in judged)

    @property
    def earned_share(self) -> float:
        return self._share(self.score)

    @property
    def open_share(self) -> float:
        return min(self._share(self.open_points), 100 - self.earned_share)

    def _share(self, points: float) -> float:
        return round(100 * min(max(points / self.max_score, 0), 1), 1) if self.max_score else 0.0


def find_items(
    cells: Mapping[str, dict[str, Any]],
    card: NotebookCard | None,
    waiting: Collection[str],
) -> dict[str, ItemView]:
    """The items of a notebook by grade_id, in its order, then those that only the card has.

    Args:
        cells: what the gradebook has on its items (score, points, comment), and which are written answers.
        card: its verdicts; the anchors go by its order, so that other pages can link to them.
        waiting: the items that the gradebook wants a person to look at.
    """
    cells = dict(cells)
    known = {item.grade_id: item for item in card.items} if card else {}
    for grade_id, about in list(cells.items()):
        if grade_id not in known and not about.get("points") and not about.get("score"):
            del cells[grade_id]  # a bonus for which nothing was handed in
    numbers = {grade_id: n for n, grade_id in enumerate(dict.fromkeys([*known, *cells]), 1)}
    said: dict[str, ItemView] = {}  # by mistake, where it was said first
    views = {}
    for grade_id in dict.fromkeys([*cells, *known]):
        item = known.get(grade_id)
        anchor = f"item-{numbers[grade_id]}"
        view = _item_view(anchor, grade_id, cells.get(grade_id, {}), item, waiting)
        if item and view.checks:
            view = replace(view, checks=_rows(item.checks, said))
            for check in item.checks:
                for mistake in _mistakes(check):
                    said.setdefault(mistake, view)
        views[grade_id] = view
    return views


def _mistakes(check: Check) -> list[str]:
    """By what a mistake is known again: its name, or all that is said of it."""
    if check.verdict in (Verdict.PASSED, Verdict.UNGRADED) or not check.message:
        return []
    return named_mistakes(check.message) or [check.message]


def _rows(checks: Iterable[Check], said: Mapping[str, ItemView]) -> tuple[CheckView, ...]:
    """A row for each check, but one for all that say the same, and a link for what was said before."""
    rows: dict[tuple[str, ...], CheckView] = {}
    named: tuple[str, ...] | None = None  # the row of the mistake that explains later ones
    for number, check in enumerate(checks):
        row = _check_view(check)
        mistakes = _mistakes(check)
        key: tuple[str, ...] = (check.verdict.value, check.message) if mistakes else (str(number),)
        if mistakes and all(mistake in said for mistake in mistakes):
            before = said[mistakes[0]]
            key = ("before", before.anchor, check.verdict.value)
            again = Markup('The same mistake as in <a href="#{}">{}</a>.')
            row = replace(row, message=again.format(before.anchor, before.name), hint=_NOTHING)
        elif named and _EXPLAINED in check.message:
            key = named
        elif mistakes and named_mistakes(check.message):
            named = named or key
        known = rows.get(key)
        rows[key] = replace(known, titles=known.titles + row.titles) if known else row
    return tuple(rows.values())


def _item_view(
    anchor: str,
    grade_id: str,
    about: dict[str, Any],
    item: Item | None,
    waiting: Collection[str],
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
    by_person = auto_score is not None and abs(score - auto_score) > 0.005
    if undecided and grade_id in waiting:
        state = "waiting" if manual else "ungraded"
    elif undecided or verdict is None:
        state = "marked"
    elif item is not None and is_new(item):
        state = "new"
    elif verdict is Verdict.FAILED and auto_score:
        state = "partly"
    else:
        state = verdict.value
    checks = item.checks if item and state not in ("ungraded", "new") and not manual else ()
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
        lines=frozenset(int(line) for check in checks for line in _LINE.findall(check.message)),
    )


def is_new(item: Item) -> bool:
    """Whether nothing was written for it yet: all that did not pass met the stub that was handed out."""
    names = {item.grade_id.removesuffix("_tests").removesuffix("_test"), *_OF_CLASSES}
    failed = [check for check in item.checks if check.verdict is not Verdict.PASSED]
    stubs = [_STUB.match(check.message) for check in failed]  # it may be a stub of another item's
    return not item.score and bool(stubs) and all(s and s[1] in (None, *names) for s in stubs)


def _check_view(check: Check) -> CheckView:
    passed = check.verdict in (Verdict.PASSED, Verdict.UNGRADED)
    return CheckView(
        titles=(inline_code(check.title or "A check"),),
        state=check.verdict.value,
        message=_NOTHING if passed else inline_code(check.message),
        hint=_NOTHING if passed else inline_code(check.hint),
        note=inline_code(check.note),
    )


def _number(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise


def why_unreadable(card: NotebookCard | None) -> Markup:
    """What is wrong with the file, as a part of a sentence on it; empty where nothing is."""
    if card is None or not card.unreadable:
        return _NOTHING
    file = f"{card.name}.ipynb "
    words = card.unreadable
    return inline_code(f"it {words.removeprefix(file)}" if words.startswith(file) else words)
