"""From the bytes of a handed-in file to a notebook, whatever the file is.

Every byte of a submission is untrusted. What comes out of here is plain: code and markdown cells with a
source, an id and perhaps a claim to be one of the course's cells, and pictures that are in the text; no
outputs, and no other metadata but the version of Python.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import stat
import warnings
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.clean import clean_text
from autograder.course.attachments import Attachments
from autograder.course.cells import grade_id_of

# What is kept of a cell and of a notebook, in all versions of the format; the rest may be huge.
_KEPT = {"cell_type", "source", "input", "id", "level", "language", "attachments"}
_PARTS = {"nbformat", "nbformat_minor", "cells", "worksheets"}

_FORMS = {
    b"<!doctype html": "a page (HTML)",
    b"<html": "a page (HTML)",
    b"%pdf": "a PDF",
    b"pk\x03\x04": "a zip archive",
    b"\x1f\x8b": "an archive (gzip)",
    b"#!/usr/bin/env python": "a script",
    b"# -*- coding": "a script",
}

_VERSION = re.compile(r"3\.\d{1,3}(\.\d{1,3})?")

MAX_CELLS = 10_000
MAX_TEXT_MIB = 16  # of sources; outputs are not counted


ASK_AGAIN = "Ask the student for the right file, put it there and grade again"


class Unreadable(Exception):
    """A handed-in file that is no notebook; the text says why, for staff and student."""

    def __init__(self, why: str, advice: str = ASK_AGAIN) -> None:
        """Keep what staff can do about it apart from the reason, which may stand in other sentences."""
        super().__init__(why)
        self.advice = advice


def read_notebook(path: Path, limit_mib: int = 150) -> NotebookNode:
    """Read a submitted notebook as nbformat 4, without its outputs.

    Args:
        limit_mib: the size up to which a file is opened at all.

    Raises:
        Unreadable: when it is no notebook; the message says why.
    """
    data = _parse(path, limit_mib * 2**20, _lean)
    if not isinstance(data, dict) or type(data.get("nbformat")) is not int:
        raise Unreadable(f"{path.name} is JSON, but no notebook")
    version = _python_of(data)
    data = {key: data[key] for key in _PARTS & data.keys()} | {"metadata": {}}
    cells = data.get("cells")
    if isinstance(cells, list) and len(cells) > MAX_CELLS:
        raise Unreadable(f"{path.name} has more than {MAX_CELLS} cells")
    try:
        with warnings.catch_warnings():
            # Of ids that are missing or there twice: _plain gives others.
            warnings.simplefilter("ignore")
            notebook = nbformat.from_dict(nbformat.convert(nbformat.from_dict(data), 4))
        plain = _plain(notebook)
    except Exception as error:
        raise Unreadable(f"{path.name} is a damaged notebook ({type(error).__name__})") from None
    if sum(len(cell.source) for cell in plain.cells) > MAX_TEXT_MIB * 2**20:
        raise Unreadable(f"{path.name} has more than {MAX_TEXT_MIB} MiB of text in its cells")
    if version:
        plain.metadata["language_info"] = {"name": "python", "version": version}
    return plain


def read_outputs(path: Path, limit_mib: int, grade_ids: Container[str]) -> dict[str, list[Any]]:
    """What stands as outputs of these cells in a submitted notebook, by grade_id: anything, so to be cleaned.

    Of cells that claim to be the same one, the first counts.

    Raises:
        Unreadable: when it is no notebook.
    """
    found: dict[str, list[Any]] = {}

    def lean(part: dict[str, Any]) -> dict[str, Any]:
        if "cell_type" not in part or "grade_id" in part:  # as in `_lean`
            return part
        outputs = part.get("outputs")
        grade_id = grade_id_of(part) if isinstance(part.get("metadata"), dict) else None
        if grade_id in grade_ids and isinstance(outputs, list):
            found.setdefault(str(grade_id), outputs)
        return {}

    _parse(path, limit_mib * 2**20, lean)
    return found


@contextlib.contextmanager
def open_regular(path: Path) -> Iterator[tuple[io.BufferedReader, int]]:
    """A regular file and its size in bytes; never through a symbolic link, a pipe or a device.

    Raises:
        Unreadable: when it is something else.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "bad name"
        raise Unreadable(f"{path.name} cannot be opened ({why}); is it a link?") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise Unreadable(f"{path.name} is no ordinary file")
    with os.fdopen(descriptor, "rb") as stream:
        yield stream, status.st_size


def read_regular(path: Path, limit: int) -> bytes:
    """A regular file's bytes; see `open_regular`.

    Raises:
        Unreadable: when it is something else, or has more than `limit` bytes.
    """
    with open_regular(path) as (stream, size):
        if size > limit:
            raise Unreadable(
                f"{path.name} has {size // 2**20} MiB, over the limit of {limit // 2**20} MiB",
                "Ask the student for it with its outputs cleared, and grade again; or raise "
                "c.CourseSettings.max_notebook_mib",
            )
        return stream.read(limit)


def new_id(wanted: str, taken: Container[str]) -> str:
    """An id like `wanted` that no other cell has."""
    numbered = (f"{wanted[:58]}-{number}" for number in itertools.count(2))
    return wanted if wanted not in taken else next(name for name in numbered if name not in taken)


def _parse(path: Path, limit: int, lean: Callable[[dict[str, Any]], Any]) -> Any:
    """The JSON in a file; `lean` drops of each object what is not looked at, and may be huge."""
    content = read_regular(path, limit)
    text = None
    for encoding in _encodings(content):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    if text is None or not text.strip():
        raise Unreadable(
            f"{path.name} is {_known_form(content) or 'no text'}, so it is no notebook"
            if content.strip()
            else f"{path.name} is empty"
        )
    known = _known_form(content)
    del content
    try:
        return json.loads(text, object_hook=lean)
    except (ValueError, RecursionError):
        raise Unreadable(f"{path.name} is {known or 'not JSON'}, so it is no notebook") from None


def _known_form(content: bytes) -> str:
    """What a file is that people hand in as a notebook, by how it begins."""
    start = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for beginning, form in _FORMS.items():
        if start.startswith(beginning):
            return form
    return "a text with a link" if re.search(rb"https?://", start) else ""


def _python_of(data: dict[str, Any]) -> str:
    """The version of Python that a notebook says it was run with last."""
    place: Any = data
    for key in ("metadata", "language_info", "version"):
        place = place.get(key) if isinstance(place, dict) else None
    return place if isinstance(place, str) and _VERSION.fullmatch(place) else ""


def _encodings(content: bytes) -> tuple[str, ...]:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ("utf-16",)
    if content[1:2] == b"\0" or content[:1] == b"\0":  # JSON starts with an ASCII character
        return ("utf-16-le",) if content[1:2] == b"\0" else ("utf-16-be",)
    return ("utf-8-sig", "latin-1") if b"\0" not in content else ("utf-8-sig",)


def _lean(found: dict[str, Any]) -> dict[str, Any]:
    """Drops all of a cell that is not needed as soon as it was parsed, so that it is not kept."""
    if "cell_type" not in found or "grade_id" in found:  # nbgrader's metadata has both
        return found
    cell = {key: found[key] for key in _KEPT & found.keys()}
    for key in ("source", "input"):
        # Files hold lists of lines, of which nbformat converts no older format.
        lines = cell.get(key)
        if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
            cell[key] = "".join(lines)
    if "outputs" in found:
        cell["outputs"] = []
    about = found.get("metadata")
    claim = about.get("nbgrader") if isinstance(about, dict) else None
    grade_id = claim.get("grade_id") if isinstance(claim, dict) else None
    cell["metadata"] = {"nbgrader": {"grade_id": grade_id}} if isinstance(grade_id, str) else {}
    return cell


def _plain(notebook: NotebookNode) -> NotebookNode:
    """Rebuild the notebook from the parts that matter, so that odd ones cannot break a later step."""
    cells = []
    ids: set[str] = set()
    pictures = Attachments()
    for number, cell in enumerate(notebook.cells):
        kind = cell.get("cell_type")
        text = cell.get("source", "")
        text = clean_text("".join(map(str, text)) if isinstance(text, list) else str(text))
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if kind == "code" or (kind not in ("markdown", "raw", "heading") and "outputs" in cell):
            made = _new_cell("code", text, outputs=[], execution_count=None)
        else:
            made = _new_cell("markdown", text)
            if attachments := pictures.of(cell):
                made.attachments = nbformat.from_dict(attachments)
        cell_id = cell.get("id")
        made.id = new_id(cell_id if _is_id(cell_id) else f"cell-{number}", ids)
        ids.add(made.id)
        if isinstance(cell.get("metadata"), dict) and (grade_id := grade_id_of(cell)):
            made.metadata["nbgrader"] = {"grade_id": grade_id}
        cells.append(made)
    return nbformat.v4.new_notebook(cells=cells)


def _new_cell(kind: str, text: str, **more: Any) -> NotebookNode:
    """As nbformat makes it, which holds each against its schema: the notebook is, at the end."""
    return NotebookNode(cell_type=kind, metadata=NotebookNode(), source=text, **more)


def _is_id(text: Any) -> bool:
    return isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text) is not None
