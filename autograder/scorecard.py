"""The scorecard: points, verdict and message for each grade cell, as one documented JSON.

This is the only thing that a judged submission leaves behind for feedback, gradebook, reports and
exports. `Scorecard.to_json` writes it, `Scorecard.from_json` reads it and refuses other versions.

Five verdicts. The first four are the student's; `ungraded` is ours, goes to staff, and carries no
score (`score` is null, never 0). An item that a person marks has `manual: true`, the verdict
`ungraded` is not used for it, and both `verdict` and `score` stay null until a person has marked it.

Format, version 1::

    {"format": "autograder-scorecard", "version": 1,
     "assignment": "vgg16", "student": "ada", "size": "short", "device": "cpu",
     "trial": false,
     "wall": "bubblewrap",
     "notebooks": [
       {"name": "1_data_and_head", "reason": null, "unreadable": null, "repairs": ["..."], "staff": [],
        "items": [
          {"grade_id": "swap_head_tests", "max_score": 10.0, "score": 6.0, "verdict": "failed",
           "judged_by": "hidden tests", "manual": false, "bonus": false, "message": null,
           "checks": [
             {"name": "test_...", "title": "...", "weight": 2.0, "verdict": "failed",
              "message": "...", "hint": "...", "share": null,
              "limit": "", "figures": [], "seconds": 0.4}]}]}]}

`wall` is the form of the wall around the student's code, of several the weakest (`c.BoxSettings.wall`); empty
where none of it ran.

`judged_by` is "hidden tests", "tests in the notebook" (beside the student's code, which could have forged the
points) or "a person". A check's `share` is the part of its weight that it gives, where it is neither all nor
nothing.

A `bonus` gives points on top: its `max_score` is no part of what a submission can be asked for, and it is
only there where the course gives it and something was handed in for it.

`reason` says in words for staff why a notebook could not be graded, and `staff` what else they should
know of it. `unreadable` says for everybody what is wrong with a file that could not be read. `message` is
for the student: what was expected and seen, never a hidden input or an expected value. `staff_detail` (a
traceback of ours), `limit`, `figures` and `seconds` are kept in the file for staff and left out by
`Scorecard.for_student`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from autograder.checks import Check as Check
from autograder.checks import Figure as Figure
from autograder.checks import Verdict as Verdict
from autograder.errors import KitError

FORMAT = "autograder-scorecard"
VERSION = 1
NOT_HANDED_IN = "handed_in"  # the name of the check that a notebook which is not there fails


# Forms of the wall, the weakest last, as `sandbox.settings` has them.
_WALLS = ("", "bubblewrap", "bubblewrap-proc", "landlock")
_DECIMALS = 12  # of a score: more than any points have, fewer than the noise of binary fractions


_NAMED = re.compile(r"as if (.+?)\.(?: |$)")  # how a hidden test says which mistake it has seen


def named_mistakes(text: str) -> list[str]:
    """The mistakes that a text for students names, in order, each once."""
    return list(dict.fromkeys(_NAMED.findall(text)))


def add_points(points: Iterable[float]) -> float:
    """The sum of points as people count: three thirds of a point are one, ten tenths as well."""
    return round(math.fsum(points), _DECIMALS - 3)


def points_text(points: float) -> str:
    """Points as people read them: 4, 2.5, 0.125; of a third two decimals."""
    decimals = 6 if abs(points - round(points, 6)) < 1e-9 else 2
    return f"{round(points, decimals) + 0.0:.{decimals}f}".rstrip("0").rstrip(".")  # no minus zero


def counted(number: float, noun: str, many: str = "") -> str:
    """A number with its noun: 1 point, 0.5 points, 3 boxes (`many`, where it is not the noun and an s)."""
    text = points_text(number)
    return f"{text} {noun if text == '1' else many or f'{noun}s'}"


# An item shows the most telling verdict of its checks: ours before theirs, then what stopped earliest.
_PRECEDENCE = (Verdict.UNGRADED, Verdict.LIMIT, Verdict.RAISED, Verdict.FAILED, Verdict.PASSED)


@dataclass(frozen=True)
class Item:
    """One grade cell. `max_score` comes from the course's source notebook, or a bonus's from its contract."""

    grade_id: str
    max_score: float
    manual: bool = False
    checks: tuple[Check, ...] = ()
    message: str = ""
    bonus: bool = False
    in_notebook: bool = False  # judged by the tests in its own cell, beside the student's code

    @property
    def judged_by(self) -> str:
        """What decides on its points, in words."""
        if self.manual:
            return "a person"
        return "tests in the notebook" if self.in_notebook else "hidden tests"

    @property
    def worth(self) -> float:
        """What it adds to the points that can be asked for."""
        return 0.0 if self.bonus else self.max_score

    @property
    def verdict(self) -> Verdict | None:
        """The worst verdict of the checks; None for an item that a person marks."""
        if self.manual:
            return None
        seen = {check.verdict for check in self.checks}
        return next((verdict for verdict in _PRECEDENCE if verdict in seen), Verdict.UNGRADED)

    @property
    def score(self) -> float | None:
        """Points by weight of the passed checks; None where a person or staff must decide."""
        if self.manual or self.verdict is Verdict.UNGRADED:
            return None
        if self.verdict is Verdict.PASSED:
            return self.max_score
        total = sum(check.weight for check in self.checks)
        earned = sum(check.weight * check.earned for check in self.checks)
        return round(self.max_score * earned / total, _DECIMALS)

    @property
    def hint(self) -> str:
        """What to tell the student first: the message and hint of the first check that did not pass."""
        for check in self.checks:
            if check.verdict not in (Verdict.PASSED, Verdict.UNGRADED):
                return " ".join(part for part in (check.message, check.hint) if part)
        return self.message

    @property
    def text(self) -> str:
        """All that a student reads on it: messages and hints of the checks that did not pass."""
        return " ".join(f"{check.message} {check.hint}".strip() for check in self.checks).strip()


@dataclass(frozen=True)
class NotebookCard:
    """One notebook of a submission; `reason` is set when staff must act."""

    name: str
    items: tuple[Item, ...]
    reason: str | None = None
    repairs: tuple[str, ...] = ()
    staff: tuple[str, ...] = ()  # what staff should know, though they need not act
    unreadable: str = ""  # why the file that was handed in could not be read, for the student

    @property
    def is_missing(self) -> bool:
        """Whether nothing was handed in for it."""
        return any(check.name == NOT_HANDED_IN for item in self.items for check in item.checks)

    def ungraded(self) -> list[Item]:
        """The items that carry no mark through no fault of the student's."""
        return [item for item in self.items if item.verdict is Verdict.UNGRADED]


@dataclass(frozen=True)
class Scorecard:
    """One submission."""

    assignment: str
    student: str
    notebooks: tuple[NotebookCard, ...]
    size: str = "short"
    device: str = "cpu"
    trial: bool = False  # with challenges of its own, so that it says nothing certain of the mark
    wall: str = ""

    @property
    def items(self) -> list[Item]:
        return [item for notebook in self.notebooks for item in notebook.items]

    @property
    def score(self) -> float:
        """Points earned so far (written answers and ungraded items count nothing yet)."""
        return add_points(item.score or 0.0 for item in self.items)

    @property
    def auto_max_score(self) -> float:
        """What the autograded items are worth together."""
        return add_points(item.worth for item in self.items if not item.manual)

    @property
    def lost_points(self) -> bool:
        """Whether an autograded item has less than all of its points; a bonus loses none.

        Of a trial: whether one has not passed, for its card may be without points.
        """
        items = (item for item in self.items if not item.manual and not item.bonus)
        if self.trial:
            return any(item.verdict is not Verdict.PASSED for item in items)
        return any(item.score != item.max_score for item in items)

    @property
    def reasons(self) -> list[str]:
        """Why staff must act, one line a notebook; empty when every item has its mark."""
        found = []
        for notebook in self.notebooks:
            names = ", ".join(item.grade_id for item in notebook.ungraded())
            if notebook.reason:
                found.append(f"{notebook.name}: {notebook.reason}")
            elif names:
                found.append(f"{notebook.name}: no verdict for {names}")
        return found

    @property
    def staff_notes(self) -> list[str]:
        """What staff should know of how tests decided and of what they met, though marks are there."""
        checks = (check for item in self.items for check in item.checks)
        said = (c.staff_detail for c in checks if c.note and c.verdict is Verdict.PASSED)
        noted = (text for notebook in self.notebooks for text in notebook.staff)
        return list(dict.fromkeys(text for text in (*said, *noted) if text))

    def with_repairs(self, said: Iterable[str]) -> Scorecard:
        """The same card with more that was repaired."""
        more = tuple(said)
        notebooks = tuple(
            dataclasses.replace(notebook, repairs=notebook.repairs + more)
            for notebook in self.notebooks
        )
        return dataclasses.replace(self, notebooks=notebooks)

    def for_student(self) -> Scorecard:
        """The same card without what is for staff only."""

        def clean(item: Item) -> Item:
            checks = tuple(
                dataclasses.replace(check, staff_detail="", limit="", figures=(), seconds=None)
                for check in item.checks
            )
            return dataclasses.replace(item, checks=checks)

        # A reason can hold words of a hidden test.
        notebooks = tuple(
            dataclasses.replace(
                notebook,
                items=tuple(clean(item) for item in notebook.items),
                staff=(),
                reason=notebook.reason and "It is not graded yet: staff will look at it.",
            )
            for notebook in self.notebooks
        )
        return dataclasses.replace(self, notebooks=notebooks)

    def to_json(self) -> dict[str, Any]:
        """The documented form, ready for `json.dumps`."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "assignment": self.assignment,
            "student": self.student,
            "size": self.size,
            "device": self.device,
            "trial": self.trial,
            "wall": self.wall,
            "score": self.score,
            "auto_max_score": self.auto_max_score,
            "notebooks": [_notebook_to_json(notebook) for notebook in self.notebooks],
        }

    @classmethod
    def from_json(cls, data: Any) -> Scorecard:
        """Read `to_json`'s form back.

        Raises:
            KitError: when it is no scorecard, or one of another version.
        """
        about = data if isinstance(data, dict) else {}
        if about.get("format") != FORMAT or about.get("version") != VERSION:
            found = f"{about.get('format')!r} version {about.get('version')!r}"
            raise KitError(
                f"This is no scorecard that this version reads ({found}, expected version {VERSION}). "
                "Grade the submission again with --regrade."
            )
        return cls(
            assignment=data["assignment"],
            student=data["student"],
            size=data["size"],
            device=data["device"],
            trial=data.get("trial", False),
            wall=data.get("wall", ""),  # which cards of before did not say
            notebooks=tuple(_notebook_from_json(entry) for entry in data["notebooks"]),
        )

    def dumps(self) -> str:
        return json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n"


def merge(cards: Iterable[Scorecard]) -> Scorecard:
    """One card of a submission from the cards of its notebooks, in the order of their names."""
    parts = sorted(cards, key=lambda card: card.notebooks[0].name)
    notebooks = tuple(notebook for card in parts for notebook in card.notebooks)
    # One notebook may have had a GPU and another none.
    device = next((card.device for card in parts if card.device != "cpu"), "cpu")
    size = next((card.size for card in parts if card.size != "short"), "short")
    wall = max((card.wall for card in parts), key=_WALLS.index)
    return dataclasses.replace(parts[0], notebooks=notebooks, size=size, device=device, wall=wall)


def _notebook_to_json(notebook: NotebookCard) -> dict[str, Any]:
    return {
        "name": notebook.name,
        "reason": notebook.reason,
        "unreadable": notebook.unreadable or None,
        "repairs": list(notebook.repairs),
        "staff": list(notebook.staff),
        "items": [
            {
                "grade_id": item.grade_id,
                "max_score": item.max_score,
                "score": item.score,
                "verdict": item.verdict.value if item.verdict else None,
                "judged_by": item.judged_by,
                "manual": item.manual,
                "bonus": item.bonus,
                "message": item.message or None,
                "checks": [_check_to_json(check) for check in item.checks],
            }
            for item in notebook.items
        ],
    }


def _check_to_json(check: Check) -> dict[str, Any]:
    data = dataclasses.asdict(check)
    return {**data, "verdict": check.verdict.value, "figures": list(data["figures"])}


def _notebook_from_json(data: dict[str, Any]) -> NotebookCard:
    items = tuple(
        Item(
            grade_id=entry["grade_id"],
            max_score=entry["max_score"],
            manual=entry["manual"],
            bonus=entry.get("bonus", False),
            in_notebook=entry.get("judged_by") == "tests in the notebook",
            message=entry["message"] or "",
            checks=tuple(
                Check(**{**check, "verdict": Verdict(check["verdict"]), "figures": _figures(check)})
                for check in entry["checks"]
            ),
        )
        for entry in data["items"]
    )
    staff = tuple(data.get("staff", ()))
    return NotebookCard(
        name=data["name"],
        items=items,
        reason=data["reason"],
        repairs=tuple(data["repairs"]),
        staff=staff,
        unreadable=data.get("unreadable") or "",  # which cards of before did not say
    )


def _figures(check: dict[str, Any]) -> tuple[Figure, ...]:
    return tuple(Figure(**figure) for figure in check.get("figures", ()))
