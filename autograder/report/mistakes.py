"""Which mistakes a class made: those that the graders name, and the checks that were not passed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from autograder.report.statistics import wilson_interval
from autograder.report.table import Row
from autograder.scorecard import NOT_HANDED_IN, Verdict, named_mistakes

_Place = tuple[str, str]  # notebook and grade_id


@dataclass(frozen=True)
class Mistake:
    """One mistake, or one check that was not passed where nothing names the mistake.

    Attributes:
        key: stays the same between runs and classes, as long as the hidden tests call it so.
        grade_ids: the items in which it shows, in their order.
        words: for people.
        named: whether the graders name it.
        students: who made it, by id.
        judged: how many students one of these items was judged for.
        variant_of: the key of another mistake that the same students made in the same items, as where two
            checks of an item have a name each for what is one thing; empty where there is none before it.
    """

    key: str
    grade_ids: tuple[str, ...]
    words: str
    named: bool
    students: tuple[str, ...]
    judged: int
    variant_of: str = ""

    @property
    def share(self) -> float:
        return len(self.students) / self.judged

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(len(self.students), self.judged)


def mistakes(rows: Sequence[Row]) -> list[Mistake]:
    """The mistakes of a class, the most frequent first.

    A student is counted once for a mistake, in however many checks and items it shows. A check that the
    student did not pass and that names nothing counts by its title. What was not handed in is none.
    """
    judged: dict[_Place, set[str]] = {}
    found: dict[tuple[str, str, bool], dict[_Place, set[str]]] = {}  # by key, words, and if named
    for row in rows:
        place = (row.notebook, row.item.grade_id)
        if row.item.manual or row.item.verdict is Verdict.UNGRADED:
            continue
        if any(check.name == NOT_HANDED_IN for check in row.item.checks):
            continue
        judged.setdefault(place, set()).add(row.student)
        for check in row.item.checks:
            if check.verdict in (Verdict.PASSED, Verdict.UNGRADED):
                continue
            names = named_mistakes(f"{check.message} {check.hint}")
            whats = [(_slug(words), words, True) for words in names]
            for what in whats or [("/".join((*place, check.name)), check.title, False)]:
                found.setdefault(what, {}).setdefault(place, set()).add(row.student)
    made = [
        Mistake(
            key=key,
            grade_ids=tuple(dict.fromkeys(grade_id for _, grade_id in places)),
            words=words,
            named=named,
            students=tuple(sorted(set[str]().union(*places.values()))),
            judged=len(set[str]().union(*(judged[place] for place in places))),
        )
        for (key, words, named), places in found.items()
    ]
    made.sort(key=lambda mistake: (-len(mistake.students), mistake.key))
    first: dict[tuple[object, ...], str] = {}
    return [
        replace(one, variant_of=key) if one.named and (key := _first(first, one)) else one
        for one in made
    ]


def _first(known: dict[tuple[object, ...], str], mistake: Mistake) -> str:
    """The key of an earlier mistake of the same students in the same items."""
    key = known.setdefault((mistake.grade_ids, mistake.students), mistake.key)
    return "" if key == mistake.key else key


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
