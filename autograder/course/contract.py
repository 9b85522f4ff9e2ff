"""The contract of an assignment as it is in its file; `release/gate/contract.py` tells its form."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from autograder.course.course import Course
from autograder.errors import KitError

CONTRACT = "contract.toml"


def contract_data(course: Course, assignment: str) -> Mapping[str, Any]:
    """What the contract says, as TOML; empty where there is none. Change nothing in it.

    Raises:
        KitError: when it cannot be read.
    """
    path = course.graders(assignment) / CONTRACT
    try:
        status = path.stat()
    except OSError:
        return {}
    return _contract(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _contract(path: Path, _size: int, _changed_ns: int) -> Mapping[str, Any]:
    """Asked for several times by every submission."""
    try:
        return tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise KitError(f"{path} cannot be read: {error}. Correct it.") from error
