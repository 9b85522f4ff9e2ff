"""What a stream of a cell shows: its text as on a terminal, where a line can be written over.

As JupyterLab has it: a carriage return goes back to the start of the line and a backspace one character,
and what comes then is written over what is there. Only a line with colours is begun anew, for the codes of
its colours have no place on a terminal. Takes time and memory in proportion to the text.
"""

from __future__ import annotations

import re

_MOVES = re.compile(r"[\r\b]")
_PIECES = re.compile(r"([\r\b\n])")
_LONGEST = 20_000  # characters; the part of a line before that is not written over


class StreamText:
    """One stream's text, piece by piece."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._line: list[str] = []  # characters of the line that is still open
        self._at = 0  # where in it the next one goes
        self._coloured = False
        self.size = 0  # characters

    def __str__(self) -> str:
        return "".join([*self._done, *self._line])

    def write(self, text: str) -> None:
        """Take what the stream says next."""
        if self._at == len(self._line) and not _MOVES.search(text):
            head, newline, line = text.rpartition("\n")
            if newline:
                self._finish(head + newline)
            self._put(line)
        else:
            for piece in _PIECES.split(text):
                match piece:
                    case "\r":
                        self._at = 0
                    case "\b":
                        self._at = max(0, self._at - 1)
                    case "\n":
                        self._finish("\n")
                    case _:
                        self._put(piece)

    def _finish(self, text: str) -> None:
        self._done.append("".join(self._line) + text)
        self.size += len(text)
        self._line, self._at, self._coloured = [], 0, False

    def _put(self, piece: str) -> None:
        if not piece:
            return
        escapes = "\x1b" in piece
        covers = self._at + len(piece) >= len(self._line)
        if covers or escapes or self._coloured:
            self.size -= len(self._line) - self._at
            del self._line[self._at :]
            self._coloured = escapes or (self._coloured and self._at > 0)
            if self._at + len(piece) > _LONGEST:
                self._finish(piece)
                return
            self.size += len(piece)
        self._line[self._at : self._at + len(piece)] = piece
        self._at += len(piece)
