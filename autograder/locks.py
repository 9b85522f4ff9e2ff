"""Locks on files, which the system takes back when their holder ends in whatever way."""

from __future__ import annotations

import fcntl
from typing import IO


def lock(file: IO[str] | int, wait: bool = False) -> bool:
    """Lock an open file or descriptor until it is closed, against every other opening of it.

    Args:
        wait: until whoever holds it lets it go.

    Returns:
        False where somebody else holds it and we do not wait.

    Raises:
        OSError: where the file's system knows no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
