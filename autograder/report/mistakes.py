"""Which mistakes a class made: those that the graders name, and the checks that were not passed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.report.statistics import wilson_interval
from autograder.report.table import Row
from autograder.scorecard import Verdict, named_mistakes


@dataclass(frozen=True)
class Mistake:
    """One mistake, or one check that was not passed where nothing names the mistake.

    Attributes:
        key: stays the same between runs and classes, as long as the hidden tests call it so.
        words: for people.
        named: whether the graders name it.
        students: who made it, by id.
        judged: how many students the item was judged for.
    """

    key: str
    notebook: str
    grade_id: str
    words: str
    named: bool
    students: tuple[str, ...]
    judged: int

    @property
    def share(self) -> float:
        return len(self.students) / self.judged

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(len(self.students), self.judged)


def mistakes(rows: Sequence[Row]) -> list[Mistake]:
    """The mistakes of a class, the most frequent first.

    A student is counted once for a mistake. A check that the student did not pass and that names nothing
    counts by its title.
    """
    judged: dict[tuple[str, str], set[str]] = {}
    found: dict[tuple[str, str, str, str, bool], set[str]] = {}
    for row in rows:
        place = (row.notebook, row.item.grade_id)
        if row.item.manual or row.item.verdict is Verdict.UNGRADED:
            continue
        judged.setdefault(place, set()).add(row.student)
        for check in row.item.checks:
            if check.verdict in (Verdict.PASSED, Verdict.UNGRADED):
                continue
            names = named_mistakes(f"{check.message} {check.hint}")
            for words in names or [check.title]:
                key = (*place, check.name, words, bool(names))
                found.setdefault(key, set()).add(row.student)
    made = [
        Mistake(
            key=f"{notebook}/{grade_id}/{name}" + (f"/{_slug(words)}" if named else ""),
            notebook=notebook,
            grade_id=grade_id,
            words=words,
            named=named,
            students=tuple(sorted(students)),
            judged=len(judged[notebook, grade_id]),
        )
        for (notebook, grade_id, name, words, named), students in found.items()
    ]
    return sorted(made, key=lambda mistake: (-len(mistake.students), mistake.key))


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:80]
