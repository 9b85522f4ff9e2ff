"""What a grading run did: whom it graded, where each judgement came from, and who needs staff."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from autograder.course.beside import some
from autograder.scorecard import Scorecard, counted

log = logging.getLogger("autograder")


class Origin(StrEnum):
    """Where the judgement of a notebook came from."""

    JUDGED = "judged"
    EQUAL = "equal to one judged in this run"
    LEDGER = "from the ledger"


@dataclass
class ClassRun:
    """What a grading run did. Every submission is in one of `graded`, `from_ledger`, `kept` and `reasons`."""

    cards: list[Scorecard] = field(default_factory=list)
    graded: list[str] = field(
        default_factory=list
    )  # students whose submission was judged in this run
    from_ledger: list[str] = field(default_factory=list)  # judged before, marks written in this run
    kept: list[str] = field(default_factory=list)  # graded before, not changed, left alone
    reasons: dict[str, list[str]] = field(default_factory=dict)  # by student: why staff must act
    notes: list[str] = field(default_factory=list)  # for staff, on the run as a whole
    notebooks: Counter[Origin] = field(default_factory=Counter)  # how many came from where

    def left_alone(self, student: str) -> None:
        self.kept.append(student)
        log.info("%s: unchanged, left alone", student)

    def needs_staff(self, student: str, reasons: list[str]) -> None:
        self.reasons[student] = reasons
        for reason in reasons:
            log.warning("%s: needs staff: %s", student, reason)

    def written(self, card: Scorecard, origins: Iterable[Origin], wall_s: float) -> None:
        """A submission whose marks are kept.

        Args:
            origins: of its notebooks.
            wall_s: from its turn to the end of its judgement.
        """
        where = Counter(origins)
        self.notebooks.update(where)
        before = where and set(where) == {Origin.LEDGER}
        (self.from_ledger if before else self.graded).append(card.student)
        said = ", ".join(f"{count} {origin}" for origin, count in where.items()) or "no notebook"
        points = f"{card.score:g} of {counted(card.auto_max_score, 'point')} by the judge"
        log.info("%s: %s; notebooks: %s; %.1f s", card.student, points, said, wall_s)

    def counts(self) -> dict[str, tuple[int, str]]:
        """How many submissions ended in which way, and what that means."""
        judged, equal = self.notebooks[Origin.JUDGED], self.notebooks[Origin.EQUAL]
        sharing = f"{counted(judged, 'notebook')} judged"
        if equal:
            sharing += f", and {equal} more that {'equals' if equal == 1 else 'equal'} one of them"
        return {
            "graded now": (len(self.graded), sharing),
            "from the ledger": (len(self.from_ledger), "judged before; marks written now"),
            "unchanged": (len(self.kept), "graded before and left alone"),
            "need staff": (len(self.reasons), ", ".join(self.reasons)),
        }


def each_once(said: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What is said of students, for staff: each text once, and whom it concerns.

    Args:
        said: student and text.
    """
    students: dict[str, list[str]] = {}
    for student, text in said:
        students.setdefault(text, []).append(student)
    for text, names in students.items():
        yield f"{text} ({some(names)})"
