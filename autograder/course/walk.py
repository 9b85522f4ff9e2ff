"""What lies in a folder that somebody handed in: looked at within bounds, and in no order of the disk's.

Level by level, so that a folder with ten thousand pictures hides nothing that lies above it. Links are
never followed, and nothing is opened here.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autograder.clean import clean_text

MAX_ENTRIES = 20_000
_MAX_DEPTH = 40

_JUNK = {
    ".ipynb_checkpoints",
    "__MACOSX",
    "__pycache__",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "timestamp.txt",
}


@dataclass(frozen=True)
class Entry:
    """One thing in a folder, by its path from there."""

    place: str
    kind: str  # "file", "folder", or "odd": a link, a pipe, a device, which nobody may open
    size: int = 0

    @property
    def depth(self) -> int:
        return self.place.count("/")

    @property
    def name(self) -> str:
        return self.place.rpartition("/")[2]

    @property
    def hidden(self) -> bool:
        """Whether a program keeps it for itself, as `.git` and `.venv`."""
        return self.place.startswith(".") or "/." in self.place

    @property
    def label(self) -> str:
        """The path as a person reads it; names of files need not be text."""
        return clean_text("".join(c if c.isprintable() else "�" for c in self.place))


@dataclass(frozen=True)
class Listing:
    """What a folder holds, those at the top first, then by name."""

    folder: Path
    entries: tuple[Entry, ...]
    more: bool = False  # there is more than was looked at

    @cached_property
    def files(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind == "file")

    @cached_property
    def odd(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind == "odd")

    def path(self, entry: Entry) -> Path:
        return self.folder / entry.place


def list_folder(folder: Path, max_entries: int = MAX_ENTRIES) -> Listing:
    """Look through a folder, without what computers add.

    Nothing in it can make this raise; a folder that is not there is empty.
    """
    entries: list[Entry] = []
    level, more = [""], False
    for _ in range(_MAX_DEPTH):
        below: list[str] = []
        for place in level:
            left = max_entries - len(entries)
            here = list(_scan(folder, place))
            more = more or len(here) > left
            chosen = heapq.nsmallest(left, here, key=lambda entry: entry.place)
            entries += chosen
            below += [f"{entry.place}/" for entry in chosen if entry.kind == "folder"]
        level = below
    return Listing(folder, tuple(entries), more or bool(level))


def list_top(folder: Path) -> list[Entry]:
    """What is in a folder by name, but not what is below it, or hidden; nothing where there is none.

    Raises:
        OSError: when it cannot be read. Then nobody knows who handed in.
    """
    if not folder.is_dir():
        return []
    with os.scandir(folder) as scan:
        here = [_entry(entry, "") for entry in scan if not is_junk(entry.name)]
    return sorted((entry for entry in here if not entry.hidden), key=lambda entry: entry.place)


def odd_files(folder: Path) -> Iterator[Path]:
    """Links, pipes and devices in a submission, which nobody may open; all of them, however many."""
    waiting = [""]
    while waiting:
        for entry in _scan(folder, waiting.pop(), junk=True):
            if entry.kind == "folder":
                waiting.append(f"{entry.place}/")
            elif entry.kind == "odd":
                yield folder / entry.place


def _scan(folder: Path, place: str, junk: bool = False) -> Iterator[Entry]:
    """One folder's entries as the disk has them, without what computers add; none where it cannot be read."""
    try:
        with os.scandir(f"{folder}/{place}") as scan:
            for entry in scan:
                if junk or not is_junk(entry.name):
                    yield _entry(entry, place)
    except (OSError, ValueError):
        return


def _entry(entry: os.DirEntry[str], place: str) -> Entry:
    where = place + entry.name
    try:
        if entry.is_dir(follow_symlinks=False):
            return Entry(where, "folder")
        if entry.is_file(follow_symlinks=False):
            return Entry(where, "file", entry.stat(follow_symlinks=False).st_size)
    except OSError:
        pass
    return Entry(where, "odd")


def is_junk(name: str) -> bool:
    """Whether a computer has put this there, or nbgrader, and no student."""
    return name in _JUNK or name.startswith("._")
