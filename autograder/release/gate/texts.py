"""Everything that a student can read in a release, wherever in it, cut into words."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograder.release.gate.refusal import cell_name

_WORD = re.compile(r"\w+|[-+*/%@]=|[^\w\s]")
_LOOKED_AT = 2**13  # bytes; text has no zero among them
_PROSE = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:[,_]\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\w)")


@dataclass(frozen=True)
class Text:
    """Some text of a release, and where it stands."""

    place: str
    cell: str
    part: str  # "the text", "its metadata", "the attachment x"
    content: str

    @cached_property
    def words(self) -> str:
        """See `words`."""
        return words(self.content)

    @cached_property
    def prose(self) -> str:
        """The words without punctuation, all small: a text is the same however it is set."""
        return prose(self.content)

    @cached_property
    def numbers(self) -> frozenset[float]:
        return numbers(self.content)


def split_words(text: str) -> list[str]:
    """Names, numbers and signs, whatever spaces and line ends are between them."""
    return _WORD.findall(text)


def words(text: str) -> str:
    """The words of a text with one space around each, so that `in` finds runs of whole words."""
    return f" {' '.join(split_words(text))} "


def prose(text: str) -> str:
    return f" {' '.join(_PROSE.findall(text.lower()))} "


def numbers(text: str) -> frozenset[float]:
    """The numbers in a text; 134,301,514 and 134_301_514 are one."""
    return frozenset(float(re.sub("[,_]", "", found)) for found in _NUMBER.findall(text))


def texts_of_notebook(name: str, notebook: NotebookNode) -> Iterator[Text]:
    """The texts of a notebook's cells, their metadata, attachments and outputs."""
    yield Text(name, "", "its metadata", "\n".join(_strings(notebook.metadata)))
    for number, cell in enumerate(notebook.cells, 1):
        place = cell_name(cell, number)
        yield Text(name, place, "the text", cell.source)
        yield Text(name, place, "its metadata", "\n".join(_strings(cell.metadata)))
        yield Text(name, place, "its outputs", "\n".join(_strings(cell.get("outputs", []))))
        for attachment, bundle in cell.get("attachments", {}).items():
            for data in bundle.values():
                content = "\n".join((*_strings(data), _decoded(data)))
                yield Text(name, place, f"the attachment {attachment}", content)


def texts_of_file(name: str, path: Path) -> Iterator[Text]:
    """The texts of a file that goes with the notebooks; of a zip, those of its members."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                yield Text(name, "", f"its member {member}", _plain(member, archive.read(member)))
    else:
        yield Text(name, "", "the text", _plain(path.name, path.read_bytes()))


def _plain(name: str, data: bytes) -> str:
    """The strings of JSON and notebooks without their escapes; other text as it is; nothing else."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data[:_LOOKED_AT]:
        return ""  # pictures, arrays: nothing that can be read
    text = data.decode("utf-8", errors="replace")
    if not name.endswith((".json", ".ipynb")):
        return text
    try:
        return "\n".join(_strings(json.loads(text)))
    except ValueError:
        return text


def _decoded(data: Any) -> str:
    try:
        return base64.b64decode("".join(_strings(data)), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def _strings(value: Any) -> Iterator[str]:
    """All strings (and numbers, as text) in plain data; lists of lines become one text."""
    match value:
        case str():
            yield value
        case bool() | None:
            return
        case int() | float():
            yield repr(value)
        case dict():
            for key, entry in value.items():
                yield str(key)
                yield from _strings(entry)
        case list():
            if value and all(isinstance(entry, str) for entry in value):
                yield "".join(value)
            for entry in value:
                yield from _strings(entry)
