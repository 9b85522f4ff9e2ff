"""Which names a cell defines and mentions, told from its text alone.

Nothing here parses Python: the text may be anything, and Python's own parser can be brought down by some.
So it is told roughly, and nothing that hangs on it takes a point by itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

# Each pattern takes time in proportion to the text, whatever it is.
_NOT_CODE = re.compile(
    r"""(\"{3}|'{3}).*?\1|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|\#[^\n]*""", re.DOTALL
)  # a string that does not end goes to the end of its line: else each quote in it would be tried anew
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")
_FUNCTION = re.compile(r"(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)")
_FUNCTIONS = re.compile(r"\b(?:def|class)[ \t]+(\w+)")
_PARAMETERS = re.compile(
    r"\bdef[ \t]+\w+[ \t]{0,9}\(([^)]{0,2000})|\blambda\b([^:\n]{0,200})"
)  # a longer list is cut off
_KEYWORD = re.compile(r"[(,]\s*+\w+[ \t]*+=(?!=)")  # f(name=1) mentions no name of the notebook's
_TARGETS = re.compile(r"[\w, \t]+")
_LOOP = re.compile(r"\bfor[ \t]+([\w, \t()]{1,200}?)[ \t]in\b")
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+\S+[ \t]+)?import[ \t]+([^\n]+)", re.MULTILINE)
_AS = re.compile(r"\bas[ \t]+(\w+)")
_UNREAD = re.compile(  # what may bind any name, or stands for a text that does
    r"^[ \t]*%run\b|\b(?:exec|eval|globals|locals|vars|setattr|run_path|get_ipython)\b",
    re.MULTILINE,
)


def bound_names(text: str) -> frozenset[str]:
    """The names that a cell binds somewhere: functions, variables, imports ("*" for unknown ones)."""
    code = _code_of(text)
    names = {*_AS.findall(code), *_FUNCTIONS.findall(code)}
    for line in code.splitlines():
        target, equals, value = line.partition("=")
        target = target.partition(":")[0]
        if equals and not value.startswith("=") and _TARGETS.fullmatch(target):
            names.update(_NAME.findall(target))
    for part in (*_LOOP.findall(code), *_IMPORT.findall(code)):
        names.update(_NAME.findall(part))
        if part.strip() == "*":
            names.add("*")
    if _UNREAD.search(code):
        names.add("*")
    return frozenset(names)


def given_names(text: str) -> frozenset[str]:
    """The names that a cell binds for other cells: not those within its functions."""
    names: set[str] = set()
    for part in _statements(_code_of(text)):
        function = _function_of(part)
        names |= {function} if function else bound_names(part)
    return frozenset(names)


def run_names(text: str) -> frozenset[str]:
    """The names that a cell asks for while it runs: not those within its functions."""
    parts = (part for part in _statements(_code_of(text)) if not _function_of(part))
    return frozenset(name for part in parts for name in _NAME.findall(part))


def free_names(text: str) -> frozenset[str]:
    """The names that a cell mentions and binds nowhere, not as a parameter of a function either."""
    code = _code_of(text)
    parameters = (
        name
        for found in _PARAMETERS.findall(code)
        for part in found
        for name in _NAME.findall(part)
    )
    mentioned = _NAME.findall(_KEYWORD.sub(" ", code))
    return frozenset(mentioned) - bound_names(text) - frozenset(parameters)


def unneeded(cells: Sequence[str], candidates: Collection[int]) -> frozenset[int]:
    """Those cells among `candidates` from which no other cell that runs has a name.

    Also a cell above counts, for what its functions mention is looked up when they are called.
    """
    left_out = set(candidates)
    free = [free_names(cell) for cell in cells]
    while True:
        wanted = {
            name for number, names in enumerate(free) if number not in left_out for name in names
        }
        back = {number for number in left_out if given_names(cells[number]) & {"*", *wanted}}
        if not back:
            return frozenset(left_out)
        left_out -= back


class Calls:
    """What the functions of a notebook mention, and what those mention, and so on."""

    def __init__(self, cells: Iterable[str]) -> None:
        self._mentions: dict[str, set[str]] = {}
        for cell in cells:
            for part in _statements(_code_of(cell)):
                function = _function_of(part)
                if function:
                    self._mentions.setdefault(function, set()).update(_NAME.findall(part))

    def reached_from(self, names: Iterable[str]) -> set[str]:
        """These names, and all that are mentioned where they are defined."""
        reached: set[str] = set()
        ahead = list(names)
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead += self._mentions.get(name, ())
        return reached


def _code_of(text: str) -> str:
    return _NOT_CODE.sub(" ", text)


def _statements(code: str) -> Iterator[str]:
    """The statements at the top level; a decorator goes with what it decorates."""
    lines: list[str] = []
    for line in code.splitlines():
        starts = line[:1] not in ("", " ", "\t", ")", "]", "}")
        if starts and lines and not lines[-1].startswith("@"):
            yield "\n".join(lines)
            lines = []
        lines.append(line)
    if lines:
        yield "\n".join(lines)


def _function_of(statement: str) -> str:
    """The function or class that a statement defines, or nothing."""
    for line in statement.splitlines():
        if not line.startswith("@"):
            match = _FUNCTION.match(line)
            return match.group(1) if match else ""
    return ""
