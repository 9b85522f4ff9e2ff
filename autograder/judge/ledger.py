"""What was judged, kept by content, so that no work is done twice: records/ledger.db.

A judgement's key is the digest of everything that it depends on (`keys`), so the ledger cannot
say something that is not true any more; at worst it holds what nobody will ask for again. It forgets
what was used longest ago, and can be deleted at any time. It is written by one process, one judgement a
transaction, and is whole after a kill. Where it cannot be written (a full disk) or read, grading goes on
without it, and says so.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.errors import KitError
from autograder.judge.job import Job, Judgement
from autograder.scorecard import Scorecard

log = logging.getLogger("autograder")

# Beyond these the oldest are forgotten, which costs time where one is asked for again. A file of SQLite's
# does not shrink, but what was freed is used again, so it stays below the second.
_MOST = 20_000  # judgements
_MOST_BYTES = 2 * 2**30
_NO_JUDGEMENT = (zlib.error, ValueError, KeyError, TypeError, AttributeError)  # in a damaged row
_TABLE = "CREATE TABLE IF NOT EXISTS judgements (key TEXT PRIMARY KEY, judgement BLOB NOT NULL)"


def ledger_path(course: Course) -> Path:
    """Where a course's ledger lies."""
    return course.make_records() / "ledger.db"


class Ledger:
    """One course's ledger. May be used by several threads, and by several graders at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None  # the file, however it is called by now
        self.trouble = ""
        """What went wrong with it last, for staff."""

    def find(self, key: str, job: Job) -> Judgement | None:
        """What was judged under a key, as this job's; None where nothing usable is kept."""
        with self._lock:
            try:
                query = "SELECT judgement, rowid FROM judgements WHERE key = ?"
                row = self._open().execute(query, (key,)).fetchone()
                found = as_of(_loads(row[0]), job) if row else None
            except (sqlite3.Error, KitError, *_NO_JUDGEMENT) as error:
                self._trouble("read", error)
                return None
            if row:
                self._keep_longer(key, row[1])
            return found

    def keep(self, key: str, judgement: Judgement) -> None:
        """Keep a judgement, unless staff must act on it: then it is to be tried again."""
        if judgement.card.reasons:
            return
        with self._lock:
            try:
                with self._open() as database:
                    row = (key, _dumps(judgement))
                    database.execute("INSERT OR REPLACE INTO judgements VALUES (?, ?)", row)
                    _forget(database)
            except sqlite3.Error as error:
                self._trouble("written", error)

    def close(self) -> None:
        with self._lock:
            if self._database is not None:
                self._database.close()
            self._database = None

    def _keep_longer(self, key: str, number: int) -> None:
        """Make what was used the newest, if it is among the older half: most uses write nothing."""
        try:
            with self._open() as database:
                (newest,) = database.execute("SELECT max(rowid) FROM judgements").fetchone()
                if newest is not None and newest - number >= _MOST // 2:
                    query = "UPDATE judgements SET rowid = ? WHERE key = ?"
                    database.execute(query, (newest + 1, key))
        except sqlite3.Error as error:
            self._trouble("written", error)

    def _open(self) -> sqlite3.Connection:
        if self._database is not None and _identity(self._path) != self._opened:
            self._database.close()  # deleted while it was open, or another by now
            self._database = None
        if self._database is None:
            database = sqlite3.connect(self._path, timeout=30, check_same_thread=False)
            try:
                database.execute(_TABLE)
            except sqlite3.Error:
                database.close()
                raise
            self._database, self._opened = database, _identity(self._path)
        return self._database

    def _trouble(self, what: str, error: Exception) -> None:
        trouble = (
            f"{self._path} cannot be {what} ({error}). Grading goes on without it, and judges again "
            "next time what is not in it. Make room, or delete it if it is damaged."
        )
        if trouble != self.trouble:
            log.warning("%s", trouble)
        self.trouble = trouble


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _forget(database: sqlite3.Connection) -> None:
    def number(query: str) -> int:
        return int(database.execute(query).fetchone()[0])

    count = number("SELECT count(*) FROM judgements")
    page = number("PRAGMA page_size")
    while count > 1:
        used = number("PRAGMA page_count") - number("PRAGMA freelist_count")
        if count <= _MOST and used * page <= _MOST_BYTES:
            break
        database.execute("DELETE FROM judgements WHERE rowid = (SELECT min(rowid) FROM judgements)")
        count -= 1


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
