"""A scorecard as other engines take it: one row an item, and nothing in it that is for staff.

Every format is written from these rows. What a student reads is text here, without control characters
and cut to a length: it holds words of the student's own, and ends up in XML, in web pages and in
databases that refuse them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from autograder.clean import clean_text
from autograder.errors import KitError
from autograder.scorecard import Check, Item, Scorecard, Verdict, add_points, counted

MOST_TEXT = 4000  # characters of what is said about one item

NOT_JUDGED = "Not judged yet, which is not your fault and no zero: staff will look at it."
A_TRIAL = "A trial: the mark is made with other inputs."
BY_A_PERSON = "A person marks this."

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# What XML 1.0 does not know, and C1 controls and line ends that only some programs see as such.
_UNSAFE = re.compile("[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class State(StrEnum):
    """Who has decided on an item."""

    JUDGED = "judged"
    PERSON = "waits for a person"
    UNGRADED = "waits for staff"


@dataclass(frozen=True)
class Said:
    """A check as a student reads it. `title` is unique within its item."""

    title: str
    passed: bool
    verdict: str
    text: str
    weight: float


@dataclass(frozen=True)
class Row:
    """An item.

    Attributes:
        name: the grade_id, with its notebook before it where another notebook has the same one.
        score: None where nothing has been decided.
        checks: empty unless it was judged.
        text: all of them, or what it waits for.
    """

    notebook: str
    grade_id: str
    name: str
    state: State
    passed: bool
    score: float | None
    max_score: float
    bonus: bool
    checks: tuple[Said, ...]
    text: str


def rows(card: Scorecard, most: int = MOST_TEXT) -> list[Row]:
    """The items of a scorecard in the notebooks' order.

    Args:
        most: characters of text about an item, and about each of its checks.
    """
    ids = Counter(item.grade_id for item in card.items)
    return [
        _row(notebook.name, item, ids[item.grade_id] > 1, most)
        for notebook in card.notebooks
        for item in notebook.items
    ]


def _row(notebook: str, item: Item, ambiguous: bool, most: int) -> Row:
    state = State.PERSON if item.manual else State.JUDGED
    if item.verdict is Verdict.UNGRADED:
        state = State.UNGRADED
    judged = state is State.JUDGED
    checks = _said(item, most) if judged else ()
    lines = [plain(item.message)] if item.message and judged else []
    lines += [line for check in item.checks if judged for line in said(check)]
    waits = BY_A_PERSON if item.manual else NOT_JUDGED
    return Row(
        notebook=plain(notebook),
        grade_id=plain(item.grade_id),
        name=plain(f"{notebook}/{item.grade_id}" if ambiguous else item.grade_id),
        state=state,
        passed=item.verdict is Verdict.PASSED,
        score=item.score,
        max_score=item.max_score,
        bonus=item.bonus,
        checks=checks,
        text=cut("\n".join(lines), most) if judged else waits,
    )


def _said(item: Item, most: int) -> tuple[Said, ...]:
    seen: Counter[str] = Counter()
    found = []
    for number, check in enumerate(item.checks, 1):
        title = plain(check.title) or f"check {number}"
        seen[title] += 1
        if seen[title] > 1:
            title = f"{title} ({seen[title]})"
        text = "\n".join(line.strip() for line in said(check)[1:])
        passed = check.verdict is Verdict.PASSED
        found.append(Said(title, passed, check.verdict.value, cut(text, most), check.weight))
    return tuple(found)


def said(check: Check) -> list[str]:
    """A check in lines, as the feedback page has it: the verdict, and why it did not pass."""
    why = [] if check.verdict is Verdict.PASSED else [check.message, check.hint]
    lines = [plain(text) for text in (*why, check.note) if text]
    return [f"{check.verdict.value}: {plain(check.title)}", *(f"    {line}" for line in lines)]


def about(card: Scorecard) -> str:
    """What concerns the submission as a whole, for its student."""
    lines = [A_TRIAL] if card.trial else []
    lines.append(f"Graded in the {card.size} size, on {card.device}.")
    written = [item for item in card.items if item.manual]
    if written:
        names = ", ".join(item.grade_id for item in written)
        points = counted(add_points(item.max_score for item in written), "point")
        lines.append(f"A person marks {names} ({points}), which these points leave out.")
    lines += [
        f"{notebook.name}: {line}" for notebook in card.notebooks for line in notebook.repairs
    ]
    return plain("\n".join(lines))


def earned(found: list[Row]) -> float:
    """The points of what has been judged, a bonus with it."""
    return add_points(row.score or 0.0 for row in found)


def possible(found: list[Row]) -> float:
    """What can be asked for of what has been judged: no bonus, and nothing that waits."""
    return add_points(row.max_score for row in found if row.state is State.JUDGED and not row.bonus)


def part(found: list[Row]) -> float:
    """The part of the points that was reached, from 0 to 1: a bonus can fill up, and not exceed it.

    Raises:
        KitError: when nothing that was judged is worth points.
    """
    if not (most := possible(found)):
        raise no_points()
    return min(1.0, earned(found) / most)


def no_points() -> KitError:
    return KitError(
        "No item of it is judged for points, so there is no mark for another system. Leave --as out, "
        "or take --as junit, which has none."
    )


def plain(text: str) -> str:
    """Text that XML, a database and a terminal all take."""
    text = _COLOUR.sub("", clean_text(text)).replace("\r\n", "\n")
    return _UNSAFE.sub("?", text)


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} […]"
