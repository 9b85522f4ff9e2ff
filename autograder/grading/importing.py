"""How a course's own files are imported: a grader file finds its neighbours, and leaves nothing behind.

pytest names a grader's module after its file, and a neighbour is imported by its own name. In a process that
judges more than once both would take the place of another assignment's file of that name, and of their own
next version.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

# By folder of graders: its modules, as last imported.
_seen: dict[Path, list[tuple[str, int, int]]] = {}


@contextlib.contextmanager
def imported_anew(file: Path) -> Iterator[None]:
    """Let a file import what lies beside it; forget both afterwards.

    What it uses of its folder by a package's name, as the kit's own graders do, is kept until it has changed.
    The folder comes last on the path: no file in it can take the place of an installed package.
    """
    folder = file.parent
    now = [
        (str(path), (status := path.stat()).st_size, status.st_mtime_ns)
        for path in _modules(folder)
    ]
    if _seen.get(folder, now) != now:
        _forget(sys.modules, lambda _, place: place.is_relative_to(folder))
    _seen[folder] = now
    sys.path.append(str(folder))
    before = set(sys.modules)
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.path_importer_cache.pop(str(folder), None)  # else a file that is new would not be found
        _forget(
            sys.modules.keys()
            - before,  # torch alone has 2,000, and to look at one copies its page
            lambda name, place: place == file or ("." not in name and place.is_relative_to(folder)),
        )


def _modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if path.is_file())


def _forget(names: Iterable[str], is_one: Callable[[str, Path], bool]) -> None:
    """Forget those modules of which this is true, by name and file."""
    for name in list(names):
        place = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(place, str) and is_one(name, Path(place)):
            del sys.modules[name]
