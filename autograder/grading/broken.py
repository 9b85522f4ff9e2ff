"""What staff read first of a broken hidden test: one sentence with the file, what happened and what to do.

The traceback goes to the log.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.errors import KitError

_AGAIN = "then grade again."


def cannot_be_loaded(file: Path, error: BaseException) -> str:
    """The sentence on a grader file that pytest could not import.

    Args:
        file: the grader file.
        error: what its import ended with.
    """
    if isinstance(error, pytest.Collector.CollectError) and error.__cause__ is not None:
        error = error.__cause__
    repair = f"Correct it, {_AGAIN}"
    if isinstance(error, pytest.skip.Exception):
        repair = f"Take the skip out, {_AGAIN}"
    elif isinstance(error, ModuleNotFoundError):
        repair = f"Install it where the kit is installed, or correct the file, {_AGAIN}"
    return f"{_shown(file)} cannot be loaded: {_said(error)}{_where(file, error)}. {repair}"


def broke_pytest(file: Path, error: BaseException) -> str:
    """The sentence on a grader file over which pytest itself ended."""
    said = f"pytest broke over {_shown(file)}: {_said(error)}{_where(file, error)}"
    return f"{said}. Correct it, {_AGAIN}"


def has_not_ended(file: Path, name: str) -> str:
    """The sentence on a hidden test that has not run yet, or has not come to its end."""
    return (
        f"{name} in {_shown(file)} did not run, or not to its end. Does a test end the process, as `exit()` "
        f"does? Correct it, {_AGAIN}"
    )


def did_not_run(file: Path, name: str, error: BaseException) -> str:
    """The sentence on a hidden test that ended in a way that is no verdict on the submission."""
    if isinstance(error, KitError):  # it says what to do
        return f"{name} in {_shown(file)}: {error}"
    said = f"{name} in {_shown(file)} ended with {_said(error)}{_where(file, error)}"
    return f"{said}. Correct it, {_AGAIN}"


def _shown(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"  # on another machine the course lies elsewhere


def _said(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    line = next(iter(text.strip().splitlines()), "").rstrip(".")
    return f"{type(error).__name__}{f': {line}' if line else ''}"


def _where(file: Path, error: BaseException) -> str:
    """The last line of the course's own that was reached; empty where there is none."""
    places = list(_places(error))
    own = [(name, line) for name, line in places if Path(name).is_relative_to(file.parent)]
    if not own:
        return ""
    name, line = own[-1]
    other = "" if Path(name) == file else f" of {Path(name).name}"
    return f", line {line}{other}"


def _places(error: BaseException) -> Iterator[tuple[str, int | None]]:
    for frame in traceback.extract_tb(error.__traceback__):
        yield frame.filename, frame.lineno
    if isinstance(error, SyntaxError) and error.filename:
        yield error.filename, error.lineno
