"""Digests: of texts, and of what lies in folders (hidden tests, the kit, training data)."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def digest(*parts: bytes | str) -> str:
    """A SHA-256 over parts that cannot run into each other."""
    found = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        found.update(len(data).to_bytes(8, "little"))
        found.update(data)
    return found.hexdigest()


def folder_digest(folder: Path) -> str:
    """The digest of a folder's files and their names."""
    return content_of(folder, files_in(folder))


def files_in(place: Path) -> list[Path]:
    """The files in a folder, without what Python and editors put there; a file by itself."""
    if place.is_file():
        return [place]
    found = (path for path in place.rglob("*") if path.is_file())
    return sorted(path for path in found if not _is_junk(path.relative_to(place)))


def _is_junk(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return hidden or path.name.endswith("~") or path.suffix == ".pyc"


def content_of(root: Path, files: list[Path]) -> str:
    """The digest of some files below a folder, and of their names there."""
    parts: list[str] = []
    for path in files:
        try:
            status = path.stat()
            found = _file_digest(path, status.st_size, status.st_mtime_ns)
        except FileNotFoundError:  # gone since the folder was read
            continue
        parts += [path.relative_to(root).as_posix(), found]
    return digest(*parts)


@lru_cache(maxsize=4096)
def _file_digest(path: Path, _size: int, _changed_ns: int) -> str:
    return digest(path.read_bytes())
