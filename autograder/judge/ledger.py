"""What was judged, kept by content, so that no work is done twice: records/ledger.db.

A judgement's key is the digest of everything that it depends on (`inputs`), so the ledger cannot
say something that is not true any more; at worst it holds what nobody will ask for again, which is
forgotten after half a year. It can be deleted at any time. It is written by one process, one judgement a
transaction, and is whole after a kill. Where it cannot be written (a full disk) or read, grading goes on
without it, and says so.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import threading
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.errors import KitError
from autograder.judge.job import Job, Judgement
from autograder.scorecard import Scorecard

log = logging.getLogger("autograder")

KEEP_DAYS = 180  # how long what nobody asks for is kept: a term, and its appeals
_TABLE = "CREATE TABLE IF NOT EXISTS judgements (key TEXT PRIMARY KEY, judgement BLOB NOT NULL)"
_USED = (
    "ALTER TABLE judgements ADD COLUMN used INTEGER NOT NULL DEFAULT 0"  # the day of the last use
)


def today() -> int:
    """The day, counted from 1970 on."""
    return int(time.time() // 86_400)


def ledger_path(course: Course) -> Path:
    """Where a course's ledger lies."""
    return course.make_records() / "ledger.db"


class Ledger:
    """One course's ledger. May be used by several threads, and by several graders at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self.trouble = ""
        """What went wrong with it last, for staff."""

    def find(self, key: str, job: Job) -> Judgement | None:
        """What was judged under a key, as this job's; None where nothing usable is kept."""
        with self._lock:
            try:
                query = "SELECT judgement, used FROM judgements WHERE key = ?"
                row = self._open().execute(query, (key,)).fetchone()
                found = as_of(_loads(row[0]), job) if row else None
                if row and row[1] != today():
                    self._use(key)
                return found
            except (sqlite3.Error, zlib.error, KitError, ValueError, KeyError, TypeError) as error:
                self._trouble("read", error)
                return None

    def keep(self, key: str, judgement: Judgement) -> None:
        """Keep a judgement, unless staff must act on it: then it is to be tried again."""
        if judgement.card.reasons:
            return
        with self._lock:
            try:
                with self._open() as database:
                    row = (key, _dumps(judgement), today())
                    database.execute("INSERT OR REPLACE INTO judgements VALUES (?, ?, ?)", row)
            except sqlite3.Error as error:
                self._trouble("written", error)

    def close(self) -> None:
        with self._lock:
            if self._database is not None:
                self._database.close()
            self._database = None

    def _open(self) -> sqlite3.Connection:
        if self._database is None or not self._path.exists():  # deleted while it was open
            if self._database is not None:
                self._database.close()
            self._database = sqlite3.connect(self._path, timeout=30, check_same_thread=False)
            self._database.execute(_TABLE)
            self._forget(self._database)
        return self._database

    def _use(self, key: str) -> None:
        """Note that a judgement was asked for; where that cannot be written, it was found all the same."""
        with contextlib.suppress(sqlite3.Error), self._open() as database:
            database.execute("UPDATE judgements SET used = ? WHERE key = ?", (today(), key))

    def _forget(self, database: sqlite3.Connection) -> None:
        """Drop what is old; a full disk is found, and named, where something is to be kept."""
        with contextlib.suppress(sqlite3.OperationalError), database:
            columns = [row[1] for row in database.execute("PRAGMA table_info(judgements)")]
            if "used" not in columns:  # it was made before days were counted, which begins now
                database.execute(_USED)
                database.execute("UPDATE judgements SET used = ?", (today(),))
            database.execute("DELETE FROM judgements WHERE used < ?", (today() - KEEP_DAYS,))

    def _trouble(self, what: str, error: Exception) -> None:
        trouble = (
            f"{self._path} cannot be {what} ({error}). Grading goes on without it, and judges again "
            "next time what is not in it. Make room, or delete it if it is damaged."
        )
        if trouble != self.trouble:
            log.warning("%s", trouble)
        self.trouble = trouble


def as_of(judgement: Judgement, job: Job) -> Judgement:
    """A judgement of the same content, as this job's: whose it is and what was repaired differ."""
    notebooks = tuple(
        replace(notebook, repairs=job.repairs) for notebook in judgement.card.notebooks
    )
    card = replace(judgement.card, student=job.student, notebooks=notebooks)
    return Judgement(card, judgement.outputs)


def _dumps(judgement: Judgement) -> bytes:
    data = {"card": judgement.card.to_json(), "outputs": judgement.outputs}
    return zlib.compress(json.dumps(data).encode(), level=1)


def _loads(blob: bytes) -> Judgement:
    data: dict[str, Any] = json.loads(zlib.decompress(blob))
    return Judgement(Scorecard.from_json(data["card"]), tuple(data["outputs"]))
