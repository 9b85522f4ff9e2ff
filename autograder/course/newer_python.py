"""Whether a cell that is no Python here would be Python of a newer version: Colab is often ahead.

There is no newer parser to ask. So the few forms that newer versions added are looked for, and written in
an older way; each of them is an error in every older version, so to find one is enough to know what is in
the way, and where the rest then is Python, it is the only thing. Nothing is run or compiled.

- 3.12: `f"{a["b"]}"` and the like (PEP 701), `def f[T](x)`, `class A[T]`, `type A = int` (PEP 695)
- 3.13: `def f[T = int](x)` (PEP 696)
- 3.14: `except A, B:` (PEP 758), `t"{x}"` (PEP 750)
"""

from __future__ import annotations

import ast
import itertools
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence

Version = tuple[int, int]

_MAX_TEXT = 100_000
_MAX_DEPTH = 60  # of brackets, far from what a parser cannot do
_MAX_FORMS = 200  # of one kind in a cell
_NESTED_FIELDS = 10
_OPEN = re.compile(r"(?<!\w)([rbuftRBUFT]{0,3})('''|\"\"\"|'|\")")
_COMMENT = re.compile(r"#[^\n]*")
_TYPE_STATEMENT = re.compile(r"^([ \t]*)type[ \t]+(\w+)[ \t]*(?=[\[=])(?!=[=])", re.MULTILINE)
_WITH_PARAMETERS = re.compile(r"\b(def|class)[ \t]+\w+[ \t]*(?=\[)")
_BARE_EXCEPT = re.compile(
    r"^([ \t]*except\*?)[ \t]+((?:\w+\.)*[A-Z]\w*(?:[ \t]*,[ \t]*(?:\w+\.)*[A-Z]\w*)+)[ \t]*:",
    re.MULTILINE,
)
_MAGIC = re.compile(r"^([ \t]*)[%!?][^\n]*", re.MULTILINE)
_CHAINS = re.compile(r"(?:[-+~][ \t]*|\bnot[ \t]+|\blambda[ \t]*:[ \t]*){60}")


class _Unclear(Exception):
    """A text that is no Python of any version, as far as its strings go."""


def newest_syntax(source: str, here: Version = sys.version_info[:2]) -> Version | None:
    """The version of Python that a cell needs by its syntax; None where that is not newer than this one."""
    needs, _ = _in_older_words(source)
    return needs if needs is not None and needs > here else None


def explains_error(source: str, here: Version = sys.version_info[:2]) -> Version | None:
    """The same, for a cell whose syntax is an error here, if nothing else is wrong with it."""
    needs, text = _in_older_words(source)
    if needs is None or needs <= here or _is_deep(text):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return needs


def say_of_notebook(cells: Iterable[str], written_with: str) -> Iterator[str]:
    """What a notebook's reader should know of its Python, where that is newer than this one.

    Args:
        written_with: what the notebook says of itself; Colab's says nothing.
    """
    needs = [version for source in cells if (version := newest_syntax(source)) is not None]
    if needs:
        said = (
            f"; the notebook says that it was run with Python {written_with}"
            if written_with
            else ""
        )
        count = "a cell is" if len(needs) == 1 else f"{len(needs)} cells are"
        yield (
            f"{count} written for Python {spelt(max(needs))} or newer, and here cells run under "
            f"{spelt(sys.version_info[:2])}{said}"
        )


def spelt(version: Sequence[int]) -> str:
    return ".".join(str(part) for part in version[:2])


def _in_older_words(source: str) -> tuple[Version | None, str]:
    """What a cell needs, and its text with strings emptied and newer forms written in an older way."""
    if len(source) > _MAX_TEXT:
        return None, ""
    try:
        versions, text = _without_strings(_MAGIC.sub(r"\1pass", source))
    except _Unclear:
        return None, ""
    versions += [(3, 14)] * len(_BARE_EXCEPT.findall(text))  # `except Error, e:` is Python 2
    text = _BARE_EXCEPT.sub(r"\1 (\2):", text)
    for pattern, keep in ((_TYPE_STATEMENT, r"\1\2"), (_WITH_PARAMETERS, "")):
        needs, text = _without_parameters(text, pattern)
        versions += needs
        text = pattern.sub(keep, text) if keep else text
    return max(versions, default=None), text


def _without_parameters(text: str, pattern: re.Pattern[str]) -> tuple[list[Version], str]:
    """What type parameters need, and statements that begin with `type`; and the text without parameters."""
    versions: list[Version] = []
    parts, at = [], 0
    for match in itertools.islice(pattern.finditer(text), _MAX_FORMS):
        end = _end_of_bracket(text, match.end()) or match.end()
        inner = re.sub(r"[=!<>]=", "", text[match.end() : end])
        versions.append((3, 13) if "=" in inner else (3, 12))
        if match.end() >= at:
            parts.append(text[at : match.end()])
            at = end
    return versions, "".join((*parts, text[at:]))


def _end_of_bracket(text: str, start: int) -> int:
    """Where the bracket ends that begins here; 0 where none does."""
    if text[start : start + 1] != "[":
        return 0
    depth = 0
    for at in range(start, min(len(text), start + 500)):
        depth += (text[at] in "[({") - (text[at] in "])}")
        if depth == 0:
            return at + 1
    return 0


def _without_strings(source: str) -> tuple[list[Version], str]:
    """The code with every string made empty and no comments, and what its strings need."""
    versions: list[Version] = []
    parts: list[str] = []
    at = 0
    while at < len(source):
        sign = source[at]
        if sign == "#":
            at = _end_of_line(source, at)
        elif opening := _OPEN.match(source, at):
            at = _end_of_string(source, opening, versions, 0)
            parts.append("''")
        else:
            parts.append(sign)
            at += 1
    return versions, "".join(parts)


def _end_of_string(source: str, opening: re.Match[str], versions: list[Version], depth: int) -> int:
    """Where a string ends.

    Raises:
        _Unclear: where it does not.
    """
    kind, quote = opening[1].lower(), opening[2]
    if "t" in kind:
        versions.append((3, 14))
    fields = "f" in kind or "t" in kind
    if depth > _NESTED_FIELDS:
        raise _Unclear
    return _end_of_text(source, opening.end(), quote, fields, "r" in kind, versions, depth)


def _end_of_text(
    source: str,
    at: int,
    quote: str,
    fields: bool,
    raw: bool,
    versions: list[Version],
    depth: int,
    spec: bool = False,
) -> int:
    """Where a string ends, or the format of one of its fields."""
    while at < len(source):
        if source.startswith(quote, at):
            if spec:
                raise _Unclear
            return at + len(quote)
        sign = source[at]
        if sign == "\\":
            named = fields and not raw and source.startswith("N{", at + 1)
            end = source.find("}", at) if named else at + 1
            at = max(end, at + 1) + 1
        elif sign == "\n" and len(quote) == 1:
            raise _Unclear
        elif spec and sign == "}":
            return at
        elif fields and not spec and source[at : at + 2] in ("{{", "}}"):
            at += 2
        elif fields and sign == "{":
            at = _end_of_field(source, at + 1, quote, raw, versions, depth + 1)
        else:
            at += 1
    raise _Unclear


def _end_of_field(
    source: str, at: int, quote: str, raw: bool, versions: list[Version], depth: int
) -> int:
    """Where a replacement field ends; notes what no field could hold before 3.12."""
    brackets = 0
    if depth > _NESTED_FIELDS:
        raise _Unclear
    while at < len(source):
        sign = source[at]
        if opening := _OPEN.match(source, at):
            if opening[2] == quote or (len(quote) == 1 and opening[2][0] == quote):
                versions.append((3, 12))
            start, at = at, _end_of_string(source, opening, versions, depth)
            if "\\" in source[start:at]:  # no field had one, not even within a string of its own
                versions.append((3, 12))
            continue
        if sign in "\\#" or (sign == "\n" and len(quote) == 1):
            versions.append((3, 12))
        if sign == "#":
            at = _end_of_line(source, at)
            continue
        if sign in "[({":
            brackets += 1
        elif sign == "}" and brackets == 0:
            return at + 1
        elif sign in "])}":
            brackets -= 1
        elif sign == ":" and brackets == 0:
            return _end_of_text(source, at + 1, quote, True, raw, versions, depth, spec=True) + 1
        at += 1
    raise _Unclear


def _end_of_line(source: str, at: int) -> int:
    end = source.find("\n", at)
    return len(source) if end < 0 else end


def _is_deep(text: str) -> bool:
    """Whether a parser would have to go deeper than it does for any honest cell."""
    depth = 0
    for sign in text:
        depth += (sign in "[({") - (sign in "])}")
        if depth > _MAX_DEPTH:
            return True
    return _CHAINS.search(text) is not None
