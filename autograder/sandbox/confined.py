"""The wall without namespaces, for a container that lets nobody make any: what its warm process is told.

Each kernel is a user id of its own under Landlock and a filter of system calls (`autograder/guest`, files
`box_confined`, `box_user`, `box_landlock`). It is in the container's namespaces and sees its folders at their
own paths, so here is decided which of them it may read: the system, the Python environment without what in it
is named after this kit, and the training data. It needs a container's root that may change its user, as the
engines' defaults have it; another user's own files could be changed by his boxes (chmod is not Landlock's).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograder import plain_data
from autograder.errors import BoxUnavailable
from autograder.sandbox import wall
from autograder.sandbox.folders import new_folder
from autograder.sandbox.gpu import find_gpu
from autograder.sandbox.settings import BoxSettings

_DEVICES = ("null", "zero", "full", "random", "urandom", "ptmx", "pts")
# What of the machine libraries look at; of /proc no more, for the rest tells of other processes.
_MACHINE = (
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/uptime",
    "/proc/version",
    "/proc/filesystems",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
)
# CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_KILL, CAP_SETGID, CAP_SETUID, of linux/capability.h
_RIGHTS = {"CHOWN": 0, "DAC_OVERRIDE": 1, "KILL": 5, "SETGID": 6, "SETUID": 7}
_IDS = 1000


class ConfinedLayout:
    """What a warm process without namespaces is told; `wall.WallLayout` is the one with."""

    def __init__(self, settings: BoxSettings, data: Path | None) -> None:
        """Plan it.

        Args:
            data: a folder of training data, which kernels may read.

        Raises:
            BoxUnavailable: when this process lacks the rights for it.
        """
        lacking = sorted(_RIGHTS.keys() - _held())
        if not wall.as_root() or lacking:
            raise BoxUnavailable(
                "A wall without namespaces needs a container's root, as which each box gets a user of its own"
                + (f" (it lacks {', '.join(lacking)})." if wall.as_root() else ".")
            )
        self._settings, self._data = settings, data
        self.folder = new_folder("confined", for_others=True)  # of whoever closes it, to remove
        for name in ("box", "work", "tmp"):
            (self.folder / name).mkdir(mode=0o700)
        for file in wall.guest_files():
            shutil.copy(file, self.folder / "box")
        if (
            data is not None
        ):  # which may lie in a folder that is closed to others, as a course's records are
            shutil.copytree(data, self.folder / "data")
        for path in (self.folder / "box", self.folder / "data"):
            _open_to_all(path)

    def open_files(self, stack: contextlib.ExitStack) -> list[int]:
        """Write the rules down, for the warm process to inherit."""
        text = json.dumps({"base": tempfile.gettempdir(), "rules": list(self._rules())})
        self.rules = stack.enter_context(wall.memory_file(text))
        return [self.rules]

    def command(self) -> list[str]:
        """The command of the warm process, which every box can read: it tells no path but Python's own."""
        return [sys.executable, "-s", str(self.folder / "box" / "box_warm.py")]

    def environment(self) -> dict[str, str]:
        """The warm process's own environment."""
        return _environment(self._settings, self._data, str(self.folder))

    def _rules(self) -> Iterator[tuple[str, str]]:
        hidden = set(_hidden())
        roots = [*wall.SYSTEM, sys.base_prefix, sys.prefix]
        places = sorted({Path(root).resolve() for root in roots})
        for place in places:
            if not any(place.is_relative_to(other) for other in places if other != place):
                yield from _below(place, "run", hidden)
        for name in wall.ETC:
            yield f"/etc/{name}", "read"
        for name in _DEVICES:
            yield f"/dev/{name}", "device"
        for path in _MACHINE:
            yield path, "read"
        yield "/dev/shm", "shared"
        yield str(self.folder / "box"), "read"
        yield str(self.folder / "data"), "read"
        if self._settings.gpu is not None:
            nodes, folders = find_gpu(self._settings.gpu).places()
            yield from ((str(node), "device") for node in nodes)
            yield from ((str(folder), "read") for folder in folders)


def options(settings: BoxSettings, closed: Path) -> dict[str, Any]:
    """What a request for a kernel says of its wall.

    Args:
        closed: a file of the grader's that a trial must not be able to read.
    """
    return {
        "base": tempfile.gettempdir(),
        "first_user": settings.user_id,
        "users": _IDS,
        "environment": _environment(settings, None, "{box}"),
        "trial": {"closed": str(closed), "grader": os.getpid()},
    }


def _environment(settings: BoxSettings, data: Path | None, box: str) -> dict[str, str]:
    """The environment behind the other forms of the wall, with the paths of this one."""
    places = {
        wall.DATA: f"{box}/data",
        wall.WORK: f"{box}/work",
        "/tmp": f"{box}/tmp",
        wall.ENVIRONMENT: sys.prefix,
    }
    variables = dict(wall.environment(settings, data))
    for name, value in variables.items():
        for there, here in places.items():
            if value == there or value.startswith(f"{there}/"):
                variables[name] = here + value.removeprefix(there)
                break
    return variables | {"TMPDIR": f"{box}/tmp"}


def _hidden() -> Iterator[Path]:
    """What lies below readable folders and is not to be read: this kit, and programs that name its place."""
    site = Path(sysconfig.get_path("purelib"))
    yield from (entry.resolve() for entry in site.iterdir() if "autograder" in entry.name)
    yield Path(plain_data.__file__).parent.resolve()
    if sys.prefix != sys.base_prefix:
        programs = (Path(sys.prefix).resolve() / "bin").iterdir()
        yield from (program for program in programs if not program.name.startswith("python"))


def _below(place: Path, word: str, hidden: set[Path]) -> Iterator[tuple[str, str]]:
    """Rules for a folder without what is hidden in it; of the folders on the way there, names only."""
    if place in hidden:
        return
    if not any(path.is_relative_to(place) for path in hidden):
        yield str(place), word
        return
    yield str(place), "list"
    for entry in place.iterdir():
        if not entry.is_symlink():  # where it leads to has a rule of its own, or none
            yield from _below(entry, word, hidden)


def _open_to_all(top: Path) -> None:
    for folder, _folders, files in os.walk(top):
        Path(folder).chmod(0o755)
        for name in files:
            Path(folder, name).chmod(0o644)


def _held() -> set[str]:
    """Which of the rights that are needed this process has."""
    line = Path("/proc/self/status").read_text().partition("\nCapEff:")[2]
    bits = int(line.split(None, 1)[0], 16)
    return {name for name, bit in _RIGHTS.items() if bits >> bit & 1}
