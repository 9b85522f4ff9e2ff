"""The log files of a course: one for each grading run, and one that turns over for all other commands."""

from __future__ import annotations

import datetime
import logging
import re
from collections.abc import Callable
from logging.handlers import RotatingFileHandler

from autograder import files
from autograder.course import Course
from autograder.database import database_of
from autograder.digest import digest

FOLDER = "logs"
_RUNS = 100  # logs of grading runs that are kept
_MAX_BYTES = 4 * 2**20
_FORM = "%(asctime)s %(name)s %(levelname)s %(message)s"


class _Form(logging.Formatter):
    """Without the gradebook's password, whoever has written it into an error's text."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        super().__init__(_FORM)
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        return self._hide(super().format(record))


class _LogFile(RotatingFileHandler):
    """A log that a full disk cannot make louder than what it tells of."""

    def handleError(self, record: logging.LogRecord) -> None:
        """What cannot be written is lost; the run says by itself that the disk is full."""


def open_log(course: Course, run: str = "") -> logging.FileHandler:
    """A handler that writes to a course's log.

    Args:
        run: what is run, for a log of its own; by default the log that commands share.

    Raises:
        KitError: when it cannot be written, or the gradebook's URL cannot be read.
    """
    hide = database_of(course).hide
    with files.naming_full_disk(course.records):
        path = course.make_records() / "autograder.log"
        if run:
            run = _file_name(run)
            when = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
            path = course.records / FOLDER / f"{run}-{when}.log"
            path.parent.mkdir(mode=0o700, exist_ok=True)
            own = re.compile(rf"{re.escape(run)}-\d{{8}}-\d{{6}}\.log")  # not those of `{run}-2`
            logs = sorted(old for old in path.parent.iterdir() if own.fullmatch(old.name))
            for old in logs[: -_RUNS + 1]:
                old.unlink(missing_ok=True)
        handler = _LogFile(path, maxBytes=0 if run else _MAX_BYTES, backupCount=2, encoding="utf-8")
    handler.setFormatter(_Form(hide))
    return handler


def _file_name(run: str) -> str:
    """A name for the files of a run; no two runs share it, though they may be whatever was typed."""
    name = re.sub(r"[^\w.-]", "_", run)
    return name if name == run else f"{name}-{digest(run)[:8]}"
