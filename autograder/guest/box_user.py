"""A box that is a user id of its own, where no namespaces can be made: how it begins and how it ends.

The attendant is root (the container's) and runs no code of a student's. It takes an id that nobody has,
makes a folder for it, forks the kernel, and then waits for one of two things: that the kernel ends, or that
the warm process does. Then it ends every process of that id, at once, whatever they have made of their
sessions, groups and parents: a process of the same id may signal exactly those, and kill(-1) leaves no time
for a fork between two of them (kill(2)). It is the subreaper of all (prctl(2)), so no orphan goes to the
container's first process. At last it removes what the id has written: its folder, and its names in /dev/shm.

The folder of an id is its claim: only one can make it, and its maker holds a lock on it. What a killed
attendant has left is told by the lock that nobody holds, and removed by the next grader (`sweep`).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PREFIX = "autograder-user-"  # and the id, in the grader's temporary folder
SHARED = "/dev/shm"  # the only folder that ids write to together
OWN = ("work", "tmp")
_OF_ITSELF = (
    "status", "stat", "statm", "maps", "smaps", "smaps_rollup", "fd", "fdinfo", "cmdline", "comm",
    "environ", "limits", "io",
)  # fmt: skip

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # <sys/prctl.h>
_libc = ctypes.CDLL(None, use_errno=True)


class Claim:
    """An id and its folder, held by this process until `end`."""

    def __init__(self, base: str, first: int, count: int) -> None:
        """Take an id from `first` on that no other process has.

        Raises:
            OSError: when none is free.
        """
        left = list(range(first, first + count))
        while left:
            user = left.pop(secrets.randbelow(len(left)))
            self.user, self.folder = user, Path(base, f"{PREFIX}{user}")
            # Another grader may take it for one that was left, until it is locked.
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                self.folder.mkdir()
                self._held = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                fcntl.flock(self._held, fcntl.LOCK_EX)
                self.folder.chmod(0o711)
                if any(processes_of(user)):  # an account's, or of a grader with other folders
                    self._remove()
                    continue
                for name in OWN:
                    (self.folder / name).mkdir(mode=0o700)
                    os.chown(self.folder / name, user, user)
                return
        raise OSError(
            errno.EAGAIN, f"none of the user ids from {first} to {first + count - 1} is free"
        )

    def end(self) -> None:
        """End every process of the id, and remove all that is its own."""
        end_user(self.user)
        self._remove()

    def _remove(self) -> None:
        remove_files(self.user, self.folder)
        os.close(self._held)


def watch_over(kernel: int, lifeline: int) -> int:
    """Wait until the kernel ends, or the warm process does; reap what else ends meanwhile.

    Args:
        kernel: its pid; it is ended if it has not.
        lifeline: a pipe's end that is readable once the warm process is gone.

    Returns:
        the kernel's status, as of waitpid.
    """
    status: int | None = None
    pidfd = os.pidfd_open(kernel)
    while status is None:
        ready, _, _ = select.select([pidfd, lifeline], [], [], 1.0)
        if lifeline in ready:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            select.select([pidfd], [], [])
        for pid, how in _reap(os.WNOHANG):
            if pid == kernel:
                status = how
    os.close(pidfd)
    return status


def begin(fd: int) -> list[tuple[int, str]]:
    """Remove what others have left, and open what boxes may use.

    Args:
        fd: of a file with a JSON object: `base`, the temporary folder, and `rules`, pairs of path and word.
            It stays open, and can be read again.

    Returns:
        of the paths that are there a descriptor and the word each, as `box_landlock.rule_for` takes them.
    """
    with open(fd, "rb", closefd=False) as stream:
        stream.seek(0)
        told = json.load(stream)
    sweep(told["base"])
    return _opened(told["rules"])


def own_rules(folder: Path, pid: int) -> list[tuple[int, str]]:
    """The same for one box: its folders, and what of /proc tells its first process of itself alone.

    Not all of its folder there, which has the container's network and mounts in it, too.
    """
    own = [(str(folder / name), "own") for name in OWN]
    return _opened([*own, *((f"/proc/{pid}/{name}", "read") for name in _OF_ITSELF)])


def _opened(rules: list[tuple[str, str]]) -> list[tuple[int, str]]:
    found = []
    for path, word in rules:
        with contextlib.suppress(FileNotFoundError):
            found.append((os.open(path, os.O_PATH | os.O_CLOEXEC), word))
    return found


def killed_by_the_system() -> int:
    """How many processes the system has killed for memory since it started, as far as it tells."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        told = _start_of("/proc/vmstat", 1 << 16).partition(b"\noom_kill ")[2]
        return int(told.split(None, 1)[0])
    return 0


def see() -> None:
    """Behind the wall: whether what boxes need can be read.

    Raises:
        OSError: when not; it says what.
    """
    for path in _needed():
        try:
            if os.path.isdir(path):  # noqa: PTH112
                os.listdir(path)  # noqa: PTH208
            else:
                os.read(os.open(path, os.O_RDONLY), 1)
        except OSError as error:
            raise OSError(
                f"{path} is closed to other users, and students' code runs as one: {error.strerror}"
            ) from None


def _needed() -> Iterator[str]:
    yield os.__file__
    yield sys.executable
    yield sysconfig.get_path("purelib")  # which reads more of what the first two lie beside


def try_out(trial: dict[str, Any]) -> None:
    """Behind the wall: whether what must work does, and what must not does not.

    Raises:
        OSError: when it is otherwise; it says how.
    """
    Path("tried").write_text("x")
    for what, attempt in (
        ("read a file of the grader's", lambda: os.open(trial["closed"], os.O_RDONLY)),
        ("read another's command line", lambda: os.open("/proc/1/cmdline", os.O_RDONLY)),
        ("signal the grader", lambda: os.kill(trial["grader"], 0)),
        ("make a socket of the network", lambda: socket.socket(socket.AF_INET)),
        ("become root", lambda: os.setuid(0)),
    ):
        try:
            attempt()
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT):
                continue
            raise OSError(f"it could not be tried whether a box can {what}: {error}") from None
        raise OSError(f"a box could {what}")


def adopt() -> None:
    """Be the parent of all whose parent ends."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """To be said after a change of id, which takes it back."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def end_user(user: int) -> None:
    """End every process of an id, and wait for those that are this process's to bury.

    For the one signal it becomes that id, but for the saved one by which it comes back; no capability is in
    effect then. That spares a fork of the warm process's tables. Only in that moment could processes of the
    id signal this one, if Landlock did not keep them from it.
    """
    root = os.getresuid()
    os.setresuid(user, user, root[2])
    try:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
    finally:
        os.setresuid(*root)
    for _pid, _status in _reap(0):
        pass


def remove_files(user: int, folder: Path) -> None:
    """Remove an id's folder, however deep it goes, and its files in /dev/shm."""
    with contextlib.suppress(OSError), os.scandir(SHARED) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_uid == user:
                    os.unlink(entry.path)  # noqa: PTH108
    try:
        shutil.rmtree(folder)
    except (OSError, RecursionError):  # too deep, for one
        command = ["/bin/rm", "-rf", "--one-file-system", "--", str(folder)]
        subprocess.run(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env={}
        )


def processes_of(user: int) -> Iterator[int]:
    """The processes that have an id, of those that this process can see."""
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                told = _start_of(f"/proc/{name}/status", 1024).partition(b"\nUid:")[2]
                if int(told.split(None, 1)[0]) == user:
                    yield int(name)


def _start_of(path: str, size: int) -> bytes:
    """A file's first bytes; each box reads some, and a stream takes a fork longer than the reading."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.read(fd, size)
    finally:
        os.close(fd)


def sweep(base: str) -> list[Path]:
    """End and remove what killed attendants have left below a temporary folder."""
    gone = []
    for folder in Path(base).glob(f"{PREFIX}*"):
        user = folder.name.removeprefix(PREFIX)
        with contextlib.suppress(OSError):
            if not user.isdigit() or folder.lstat().st_uid != 0 or folder.is_symlink():
                continue
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                end_user_elsewhere(int(user))
                remove_files(int(user), folder)
                gone.append(folder)
            finally:
                os.close(held)
    return gone


def end_user_elsewhere(user: int) -> None:
    """`end_user` by a process that has children of its own, which are not to be buried here."""
    child = os.fork()
    if child == 0:
        try:
            end_user(user)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _reap(flags: int) -> Iterator[tuple[int, int]]:
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, flags)) != (0, 0):
            yield found
