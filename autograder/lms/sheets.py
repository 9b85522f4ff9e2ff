"""A platform's own table (CSV), of which some cells are filled in and every other byte stays as it is.

Python's csv reads tables but does not say where a cell stands, so cells are found here, and csv must agree:
a table that two readers read in two ways is refused.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from autograder.errors import KitError

MAX_MIB = 64
_ENCODINGS = ("utf-8-sig", "cp1252")


class Sheet:
    """The rows of a table as text, and where each cell stands in the file."""

    def __init__(self, content: bytes, name: str = "The table") -> None:
        """Read a table.

        Raises:
            KitError: when it is no table that can be read for sure.
        """
        self.name = name
        self._mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
        self._text, self._encoding = _decoded(content[len(self._mark) :], name)
        self.delimiter = _delimiter(self._text)
        self.rows: list[list[str]] = []
        self._spans: list[list[tuple[int, int]]] = []
        self._new: dict[tuple[int, int], str] = {}
        self._find_cells()
        if self._as_csv_reads() != [row for row in self.rows if row != [""]]:
            raise KitError(
                f"{name} cannot be read for sure: its quotes do not fit. Download it again."
            )

    def _as_csv_reads(self) -> list[list[str]]:
        reader = csv.reader(io.StringIO(self._text, newline=""), delimiter=self.delimiter)
        try:
            return [row for row in reader if row not in ([], [""])]
        except csv.Error as error:
            raise KitError(f"{self.name} cannot be read: {error}. Download it again.") from error

    @classmethod
    def read(cls, path: Path) -> Sheet:
        """Read a file.

        Raises:
            KitError: when it is no such table.
        """
        if path.stat().st_size > MAX_MIB * 2**20:
            raise KitError(f"{path} has more than {MAX_MIB} MiB, so it is no table of a class.")
        return cls(path.read_bytes(), str(path))

    def set(self, row: int, column: int, text: str) -> None:
        """Write a cell, quoted where it has to be or was."""
        start, end = self._spans[row][column]
        if self._text[start:end].startswith('"') or re.search(
            rf'[{re.escape(self.delimiter)}"\r\n]', text
        ):
            text = '"' + text.replace('"', '""') + '"'
        self._new[row, column] = text

    def content(self) -> bytes:
        """The file, with what was written."""
        parts, at = [], 0
        for (row, column), text in sorted(self._new.items()):
            start, end = self._spans[row][column]
            parts += [self._text[at:start], text]
            at = end
        parts.append(self._text[at:])
        return self._mark + "".join(parts).encode(
            self._encoding.removesuffix("-sig"), "xmlcharrefreplace"
        )

    def _find_cells(self) -> None:
        cell = re.compile(
            rf'((?:"(?:[^"]|"")*")?[^{re.escape(self.delimiter)}\r\n]*)(\r\n|.|\Z)', re.DOTALL
        )
        at = 0
        row: list[str] = []
        spans: list[tuple[int, int]] = []
        while at < len(self._text):
            found = cell.match(self._text, at)
            assert found is not None  # every part of it may be empty
            row.append(_unquoted(found[1]))
            spans.append(found.span(1))
            at = found.end()
            if found[2] == self.delimiter:
                if at < len(self._text):
                    continue
                row.append("")  # after a delimiter at the very end
                spans.append((at, at))
            self.rows.append(row)
            self._spans.append(spans)
            row, spans = [], []


def _decoded(content: bytes, name: str) -> tuple[str, str]:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"PK", b"\xd0\xcf")):
        raise KitError(f"{name} is no CSV in UTF-8 (a spreadsheet?). Download the platform's CSV.")
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise KitError(f"{name} is no text in UTF-8 or Windows' letters. Download it again.")


def _delimiter(text: str) -> str:
    """What stands between cells, by the first line: a title may have a comma, but in quotes."""
    first = re.sub(r'"[^"]*"', "", text.partition("\n")[0])
    return max(",;\t", key=first.count)


def _unquoted(cell: str) -> str:
    if not cell.startswith('"'):
        return cell
    end = cell.rindex('"')
    return cell[1:end].replace('""', '"') + cell[end + 1 :]


def number(text: str) -> float | None:
    """A number as platforms write it: the last `.` or `,` is the decimal sign; None where it is none."""
    whole, sign, rest = text.strip().rpartition(max(".,", key=text.rfind))
    digits = re.sub(r"[.,\s’']", "", whole) + (f".{rest}" if sign else rest)
    return float(digits) if re.fullmatch(r"-?\d*\.?\d+|-?\d+\.", digits) else None


def decimal_sign(texts: Sequence[str], otherwise: str = ".") -> str:
    """The sign that numbers in a table have."""
    for text in texts:
        if number(text) is not None and (found := re.findall(r"[.,]", text)):
            return str(found[-1])
    return otherwise
