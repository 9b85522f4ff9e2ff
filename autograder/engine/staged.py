"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

_FRESH = ".tmp"


class StagedFile:
    """A file that is written beside its place, and put there once what belongs to it is kept.

    To put it there needs no room on the disk, so that after this was made only a kill can prevent it.

    Raises:
        OSError: when it cannot be written; then nothing of it is left.
    """

    def __init__(self, path: Path, text: str) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._fresh = path.with_name(f"{path.name}.{os.getpid()}{_FRESH}")
        try:
            self._fresh.write_text(text)
        except OSError as error:
            self.drop()
            error.filename = str(path)
            raise

    def put(self) -> None:
        self._fresh.replace(self._path)

    def drop(self) -> None:
        self._fresh.unlink(missing_ok=True)


def drop_left_over(folder: Path) -> None:
    """Remove what a run that was killed has staged in a folder."""
    for path in folder.glob(f"*{_FRESH}"):
        path.unlink(missing_ok=True)
