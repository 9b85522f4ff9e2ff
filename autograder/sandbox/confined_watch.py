"""What the watchdog must see of a box that is a user id: what lies in its files, and behind its descriptors.

Such a box has no file system with a size and no network namespace that counts its sockets. So its folders are
walked, and what its processes hold open is looked at: a file without a name is in no folder, and a socket's
buffers are in no process. To look there takes that id: the container's root may not trace others.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_SHARED = "/dev/shm"
_LONGEST = 3000  # bytes of a path, well below what the system takes (PATH_MAX, 4096)
_BLOCK = 512  # bytes of st_blocks, whatever the file system's own are (stat(2))
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def as_user(user: int) -> Iterator[None]:
    """Look at files, and into /proc, as another user and group does. Of this thread alone (setfsuid(2))."""
    group, owner = os.getegid(), os.geteuid()
    _libc.setfsgid(user)
    _libc.setfsuid(user)
    try:
        yield
    finally:
        _libc.setfsuid(owner)
        _libc.setfsgid(group)


@dataclass
class Held:
    """What a box holds besides the memory of its processes."""

    file_bytes: int = 0  # of its folders and of files without a name
    files: int = 0
    sockets: int = 0  # different ones
    hidden: list[int] = field(default_factory=list)  # processes that show nobody what they hold


def held_by(
    user: int, folder: Path, processes: Iterable[int], most_files: int, most_sockets: int
) -> Held:
    """Look at a box.

    Args:
        processes: of the box.
        most_sockets: after which no more are counted.
        most_files: the same; a folder that is too deep to be walked counts as more.
    """
    held = Held()
    seen: set[tuple[int, int]] = set()
    with as_user(user):
        for pid in processes:
            _look_behind(pid, held, seen)
            if held.sockets > most_sockets:  # enough to stop it, and looking takes long
                return held
    for top in (str(folder), _SHARED):
        for visited, about in enumerate(_walk(top)):
            if about is None:
                held.files = most_files + 1
            elif about.st_uid == user:
                held.file_bytes += _new_bytes(about, seen)
                held.files += 1
            if held.files > most_files or visited > 2 * most_files:
                break
    return held


def shows_itself(user: int, pid: int) -> bool:
    """Whether a process lets its own user see what it holds, as it must once it is behind the wall."""
    with as_user(user), contextlib.suppress(OSError):
        return bool(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    return False


def _look_behind(pid: int, held: Held, seen: set[tuple[int, int]]) -> None:
    folder = f"/proc/{pid}/fd"
    try:
        numbers = os.listdir(folder)  # noqa: PTH208
    except PermissionError:
        if not _is_over(pid):
            held.hidden.append(pid)
        return
    except OSError:  # it has ended
        return
    for number in numbers:
        with contextlib.suppress(OSError):
            about = os.stat(f"{folder}/{number}")  # noqa: PTH116
            if stat.S_ISSOCK(about.st_mode) and (about.st_dev, about.st_ino) not in seen:
                seen.add((about.st_dev, about.st_ino))
                held.sockets += 1
            elif stat.S_ISREG(about.st_mode) and about.st_nlink == 0:
                held.file_bytes += _new_bytes(about, seen)


def _is_over(pid: int) -> bool:
    """Whether a process only waits to be asked how it ended: it holds nothing, and shows that to nobody.

    One whose first thread alone has ended looks alike, but for its number of threads.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0] in "ZX" and int(fields[17]) <= 1
    return True  # it is gone


def _new_bytes(about: os.stat_result, seen: set[tuple[int, int]]) -> int:
    key = (about.st_dev, about.st_ino)
    if key in seen:  # under another name, or held by another process
        return 0
    seen.add(key)
    return about.st_blocks * _BLOCK


def _walk(top: str) -> Iterator[os.stat_result | None]:
    """What lies below a folder; None for a folder whose path is too long to look into."""
    folders = [top]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    yield entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        if len(os.fsencode(entry.path)) > _LONGEST:
                            yield None
                        folders.append(entry.path)
