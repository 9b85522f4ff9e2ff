"""Trials: a submission judged before the deadline, as often as the course allows, without any mark.

A trial draws its challenges from a secret of its own, made of the course's and of a number that is never
used again. So two trials of the same work ask about other inputs, and neither tells what `grade` will
ask: who tries until luck helps has won nothing, for the mark is drawn anew. Marks stay what they are.

How many a student has had is in records/trials.db, by content: the same work handed in again counts once.
A trial that we could not judge does not count.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from autograder.course import Course
from autograder.digest import digest
from autograder.errors import KitError
from autograder.judge.submission import Submission
from autograder.scorecard import Check, Item, Scorecard

WINDOW_S = 24 * 3600.0
_TABLE = (
    "CREATE TABLE IF NOT EXISTS trials (assignment TEXT, student TEXT, content TEXT, at REAL, "
    "PRIMARY KEY (assignment, student, content))"
)


class TrialsUsedUp(KitError):
    """A student has had all trials that the course gives for now."""


def new_draw() -> str:
    """What no other trial's challenges are drawn from."""
    return secrets.token_hex(16)


class Ticket:
    """The right to one trial. Give it back where nothing came of it."""

    def __init__(
        self, course: Course, assignment: str, student: str, submission: Submission
    ) -> None:
        """Take it.

        Raises:
            TrialsUsedUp: when the student has had all of them.
        """
        contents = (submission.jobs[name].content for name in sorted(submission.jobs))
        self._course = course
        self._key = (assignment, student, digest(*contents))
        self._counts = False
        if quota := course.settings.trial_quota:
            with self._open() as database:
                self._counts = self._take(database, quota)

    def give_back(self) -> None:
        if self._counts:
            with self._open() as database:
                query = "DELETE FROM trials WHERE (assignment, student, content) = (?, ?, ?)"
                database.execute(query, self._key)

    def _take(self, database: sqlite3.Connection, quota: int) -> bool:
        """Whether this is a new one, that counts."""
        known = "SELECT 1 FROM trials WHERE (assignment, student, content) = (?, ?, ?)"
        if database.execute(known, self._key).fetchone():
            return False
        now = time.time()
        recent = (
            "SELECT at FROM trials WHERE (assignment, student) = (?, ?) AND at > ? ORDER BY at DESC"
        )
        had = [at for (at,) in database.execute(recent, (*self._key[:2], now - WINDOW_S))]
        if len(had) >= quota:
            free = datetime.fromtimestamp(had[quota - 1] + WINDOW_S, UTC)
            raise TrialsUsedUp(
                f"{self._key[1]} has had {len(had)} trials of `{self._key[0]}` in 24 hours, and the course "
                f"gives {quota}. The next one is there from {free:%Y-%m-%d %H:%M} UTC. What was tried before "
                "can be tried again as it is."
            )
        database.execute("INSERT INTO trials VALUES (?, ?, ?, ?)", (*self._key, now))
        return True

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        path = self._course.make_records() / "trials.db"
        # By hand, so that nobody else counts between our look and our word.
        database = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            database.execute(_TABLE)
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")
        finally:
            database.close()  # what is not committed is forgotten


def as_trial(card: Scorecard, shows: str) -> Scorecard:
    """A trial's card, with no more on it than the course shows.

    Args:
        shows: `points`; `hints`, without points; or `verdicts`, without hints as well.
    """
    card = replace(card, trial=True)
    if shows == "points":
        return card
    notebooks = tuple(
        replace(notebook, items=tuple(_item(item, shows) for item in notebook.items))
        for notebook in card.notebooks
    )
    return replace(card, notebooks=notebooks)


def _item(item: Item, shows: str) -> Item:
    checks = tuple(_check(check, shows) for check in item.checks)
    message = item.message if shows == "hints" else ""
    return replace(item, max_score=0.0, checks=checks, message=message)


def _check(check: Check, shows: str) -> Check:
    check = replace(check, weight=1.0, share=None)  # points are told by them as well
    return check if shows == "hints" else replace(check, message="", hint="", note="")
