"""Code as tokens that stay the same when names, spaces and comments are changed.

A lexer of its own, since students' cells need not be Python: nothing in them can make it raise.
"""

from __future__ import annotations

import keyword
import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<string>[rRbBuUfF]{0,2}(?:\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))
    |(?P<name>[^\W\d]\w*)
    |(?P<number>\d[\w.]*)
    |(?P<space>\s+)
    |(?P<sign>\*\*=?|//=?|[<>=!+\-*/%&|^@:]=|->|<<|>>|.)""",
    re.VERBOSE | re.DOTALL,
)
_LINE_ENDS = re.compile(r"[^\S\n]*(?:#|\n|\Z)")
_NAME, _STRING = "name", "string"


class Token(NamedTuple):
    """One token: as it is compared, as it is written, and the line it begins in, from 0."""

    kind: str
    text: str
    line: int


def tokens(source: str) -> list[Token]:
    """The tokens of a cell, without comments, and without texts that are a line of their own (docstrings).

    Names that their author chose are all alike; keywords, numbers, and names after a dot are themselves.
    """
    found: list[Token] = []
    line = 0
    starts_line, after_dot = True, False
    for match in _TOKEN.finditer(source):
        kind, text = str(match.lastgroup), match[0]
        if kind == "space":
            starts_line = starts_line or "\n" in text
        elif kind != "comment":
            is_docstring = (
                kind == "string"
                and starts_line
                and _LINE_ENDS.match(source, match.end()) is not None
            )
            if not is_docstring:
                found.append(Token(_kind(kind, text, after_dot), text, line))
            starts_line, after_dot = False, text == "."
        line += text.count("\n")
    return found


def _kind(kind: str, text: str, after_dot: bool) -> str:
    if kind == "string":
        return _STRING
    if kind == "name" and not after_dot and not keyword.iskeyword(text):
        return _NAME
    return text
