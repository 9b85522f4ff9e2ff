"""One hidden test as it ended; a scorecard is made of these."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """How a check or an item ended."""

    PASSED = "passed"
    FAILED = "failed"
    RAISED = "raised"
    LIMIT = "limit"
    UNGRADED = "ungraded"


@dataclass(frozen=True)
class Figure:
    """What a check of chance has seen, and the calibrated threshold that it asks for."""

    name: str
    seen: float
    needed: float
    at_most: bool  # whether at most, not at least, the threshold is asked for

    @property
    def reached(self) -> bool:
        return self.seen <= self.needed if self.at_most else self.seen >= self.needed


@dataclass(frozen=True)
class Check:
    """One hidden test: its verdict, what the student reads about it, and what staff may ask of it."""

    name: str
    title: str
    verdict: Verdict
    weight: float = 1.0
    message: str = ""
    hint: str = ""
    staff_detail: str = ""
    note: str = ""  # how it was decided, where there are several ways
    share: float | None = (
        None  # of its weight, from 0 to 1, where a check says itself what it gives
    )
    limit: str = ""  # the setting of the limit that was hit; `kernel` where the kernel died
    figures: tuple[Figure, ...] = ()
    # By the clock, so the same work takes another time on another day: two cards are equal without it.
    seconds: float | None = field(default=None, compare=False)

    @property
    def earned(self) -> float:
        """The part of its weight that counts."""
        return float(self.verdict is Verdict.PASSED) if self.share is None else self.share
