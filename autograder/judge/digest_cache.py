"""Digests of large files that were handed in, kept so that each is read once and not in every run.

A file is known by its place, its size, the time of its last change and its number on the disk. The judge
holds it against its digest again when it reads it, so nothing here decides over a mark. All of it may be
deleted.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from autograder.course import Course
from autograder.course.bonus import digest_of
from autograder.digest import digest
from autograder.files import StagedFile


def known_digest(course: Course, path: Path, most: int) -> str:
    """`digest_of`, or what it gave when it was last asked about this file.

    Raises:
        OSError, Unreadable: when there is no such file.
    """
    status = path.lstat()
    mark = f"{most} {status.st_size} {status.st_mtime_ns} {status.st_ino}"
    note = course.make_records() / "known_files" / digest(str(path))[:32]
    with contextlib.suppress(OSError, UnicodeDecodeError):
        noted, _, digest_then = note.read_text().partition("\n")
        if noted == mark and digest_then:
            return digest_then
    content = digest_of(path, most)
    with contextlib.suppress(OSError):  # a full disk: it is read again next time
        StagedFile(note, f"{mark}\n{content}").put()
    return content
