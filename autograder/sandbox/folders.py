"""Where the sockets of boxes lie: one folder for each process of ours, closed to other users.

A process holds a lock on its folder, which the system takes back when it ends in whatever way. So what
a killed grader left behind is told from what is in use, and the next grader removes it.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing.util
import os
import shutil
import tempfile
import threading
from pathlib import Path

from autograder import locks
from autograder.errors import BoxUnavailable

_PREFIX = "autograder-run-"
_LONGEST = 107  # bytes of a socket's path, by unix(7)
_BELOW = len("/autograder-run-12345678/warm-123456/kernel-1")

_held: dict[tuple[int, str], tuple[Path, int]] = {}  # by process and temporary folder
_numbers = itertools.count()
_lock = threading.Lock()


def new_folder(name: str, for_others: bool = False) -> Path:
    """An empty folder in this process's own, with a number after its name; whoever asked removes it.

    Args:
        for_others: whether other users may enter this one (and pass the one that it is in).

    Raises:
        BoxUnavailable: when the temporary folder's path is too long for a socket in it.
    """
    with _lock:
        key = (os.getpid(), tempfile.gettempdir())
        if key not in _held or not _held[key][0].is_dir():
            if len(os.fsencode(key[1])) + _BELOW > _LONGEST:
                raise BoxUnavailable(
                    f"The path of the temporary folder, {key[1]}, is too long for sockets: it may have "
                    f"{_LONGEST - _BELOW} characters. Set TMPDIR to a shorter one, such as /tmp."
                )
            _held[key] = _hold_one()
            # Not by atexit, which a worker process that was forked never comes to.
            multiprocessing.util.Finalize(
                None, shutil.rmtree, (_held[key][0], True), exitpriority=0
            )
            sweep()
        folder = _held[key][0] / f"{name}-{next(_numbers)}"
        folder.mkdir(mode=0o700)
        if for_others:
            for one in (folder, folder.parent):
                one.chmod(0o711)
        return folder


def sweep() -> list[Path]:
    """Remove this user's folders whose process has ended, and say which."""
    gone = []
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid != os.geteuid() or not folder.is_dir() or folder.is_symlink():
                continue
            held = _take(folder)
            if held is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(held)
                gone.append(folder)
    return gone


def _hold_one() -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Another process may sweep it away before it is locked: before it is opened, or just after.
        with contextlib.suppress(FileNotFoundError):
            held = _take(folder)
            if held is not None:
                if folder.is_dir():
                    return folder, held
                os.close(held)


def _take(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None when a process holds it.

    Raises:
        FileNotFoundError: when the folder is gone.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if locks.lock(descriptor):
        return descriptor
    os.close(descriptor)
    return None
