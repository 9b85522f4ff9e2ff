"""Files that are there whole or not at all, or in a zip; what is said of a disk without room for them."""

from __future__ import annotations

import errno
import io
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from autograder.errors import KitError, causes

_FRESH = ".tmp"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_NO_ROOM_IN_SQLITE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
}
_PLENTY_MIB = 64


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

    def take_rights(self) -> None:
        """Get the permissions of the file that is there."""
        shutil.copymode(self._path, self._fresh)

    def put(self) -> None:
        self._fresh.replace(self._path)

    def drop(self) -> None:
        self._fresh.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a file, in the place of an older one if there is one; it is there whole or as it was.

    Raises:
        OSError: when it cannot be written.
    """
    path = path.resolve()  # a link stays one
    staged = StagedFile(path, text)
    if path.exists():
        staged.take_rights()
    staged.put()


def zip_of(
    files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED, mode: int = 0o600
) -> bytes:
    """Files by their paths as a zip, in this order: the same bytes whenever and wherever it is made.

    Args:
        method: of zipfile; what is compressed, another zlib would compress to other bytes.
        mode: of the files where they are unpacked: students' work and marks are nobody else's.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, whatever this is
            entry.external_attr = mode << 16
            archive.writestr(entry, content, method)
    return buffer.getvalue()


def drop_left_over(folder: Path) -> None:
    """Remove what a run that was killed has staged in a folder."""
    for path in folder.glob(f"*{_FRESH}"):
        path.unlink(missing_ok=True)


def no_room(error: BaseException) -> Exception | None:
    """The error of the system's or of SQLite's that tells of a full disk, if that is the cause."""
    for one in causes(error):
        if isinstance(one, OSError) and one.errno in _NO_ROOM:
            return one
        code = getattr(one, "sqlite_errorcode", 0) & 0xFF  # without SQLite's details
        if isinstance(one, sqlite3.Error) and code in _NO_ROOM_IN_SQLITE:
            return one
    return None


def full_disk_of(found: Exception, records: Path) -> Path:
    """The folder in which something could not be written, as far as the system tells.

    Args:
        records: what is meant where no file is named, as SQLite names none.
    """
    path = getattr(found, "filename2", None) or getattr(found, "filename", None)
    folder = Path(path).parent if isinstance(path, str) else records
    while not folder.is_dir():
        folder = folder.parent
    return folder


def has_plenty(folder: Path) -> bool:
    """Whether there is room on a folder's disk, so that only something large did not fit."""
    return shutil.disk_usage(folder).free >= _PLENTY_MIB * 2**20


@contextmanager
def naming_full_disk(records: Path) -> Iterator[None]:
    """Say of a full disk which folder is concerned and what to do.

    Raises:
        KitError: in the place of the system's error.
    """
    try:
        yield
    except Exception as error:
        found = no_room(error)
        if found is None or isinstance(error, KitError):
            raise
        said = getattr(found, "strerror", None) or str(found)
        folder = full_disk_of(found, records)
        trouble, repair = "There is no room to write", "Make room there"
        if getattr(found, "errno", None) == errno.EROFS:
            trouble, repair = "Nothing can be written", "Mount it to be written to"
        raise KitError(
            f"{trouble} in {folder} ({said}). What was graded before is kept whole. "
            f"{repair}, then give the same command again: it goes on where this one stopped."
        ) from error
