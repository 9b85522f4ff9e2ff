"""What must not be in a release: solutions, hidden tests, expected values.

A secret is a run of words: a line that says something, or several lines in a row of which each alone
says little. `return net` stands in many given cells and gives nothing away; `x + x` does.
"""

from __future__ import annotations

import ast
import json
import keyword
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from nbformat import NotebookNode

from autograder.course.markers import Markers
from autograder.release.gate.refusal import cell_name
from autograder.release.gate.texts import Text, prose, split_words, words

# In the given parts of vgg16, lines of up to three names recur by chance (`axis.set_title(title)`);
# lines of hidden tests are full of common calls (`net = models.vgg16(weights=None)`), so need more.
_NAMES_OF_SOLUTION = 4
_NAMES_OF_TEST = 6
_NAMES_OF_REGION = 3  # of a hidden region, which its author has marked by hand
_ROW = 3  # lines in a row that are looked for together
_PROSE_WORDS = 8  # in a row; a shorter answer is looked for as a whole
_MOST_LINES = 10**6  # of a region, to tell the places in one from those in the next
_DIGITS = 4  # a number with fewer stands anywhere by chance
_FORMULA = re.compile(r"[\w)\]]\s*[-+*/%@<>]+\s*[\w(\[]")
_STRING = re.compile(r"""\s*[frb]*(["']).*\1[,)]*\s*$""")
_SIGNATURE = re.compile(r"(async def|def|class|from|import)\b")  # given parts must tell these
_COMMENT = re.compile(r"(^|\s)#.*$")
LINE_END = " ⏎ "  # between lines that are quoted together


@dataclass(frozen=True)
class Secret:
    """Something that students must not read."""

    kind: str  # "a line of the solution", "a hidden test", "an expected value", …
    origin: str  # where it comes from
    shown: str  # how a refusal quotes it
    words: str = ""
    prose: str = ""
    number: float | None = None
    code: tuple[tuple[int, str], ...] = ()  # the lines, each with its place in the solution or test

    @property
    def is_of_region(self) -> bool:
        """Whether it is of a hidden region in a notebook, and not of a grader file."""
        return self.kind.endswith("a hidden test") and not self.origin.endswith(".py")

    @property
    def family(self) -> str:
        """The kind, of one line or of several."""
        return self.kind.removeprefix("a line of ").removeprefix("lines of ")

    @property
    def passage(self) -> str:
        """What a refusal quotes, as the contract can list it."""
        return self.shown if self.number is not None else self.shown.strip("“”`")

    def is_part_of(self, other: Secret) -> bool:
        """Whether who allows the other passage allows this one, too."""
        if self.family != other.family:
            return False
        if self.prose:
            return self.prose in other.prose
        lines, others = ({line for _, line in secret.code} for secret in (self, other))
        return bool(lines) and lines <= others

    def joined(self, following: Secret) -> Secret | None:
        """This passage of prose with a window that goes on in it by one word; None where it does not."""
        mine, other = self.prose.split(), following.prose.split()
        if (self.kind, self.origin) != (following.kind, following.origin):
            return None
        if mine[-len(other) + 1 :] != other[:-1]:
            return None
        text = " ".join([*mine, other[-1]])
        return replace(self, shown=f"“{text}”", prose=f" {text} ")

    def with_code_of(self, other: Secret) -> Secret:
        """The lines of two secrets of one origin as one passage, in the order in which they stand there."""
        code = tuple(sorted({*self.code, *other.code}))
        shown = f"`{LINE_END.join(line for _, line in code)}`"
        several = f"{'lines' if len(code) > 1 else 'a line'} of {self.family}"
        return replace(self, kind=several, shown=shown, code=code)

    def is_in(self, text: Text) -> bool:
        if self.number is not None:
            return self.number in text.numbers
        return self.prose in text.prose if self.prose else self.words in text.words


def secrets_of_source(name: str, notebook: NotebookNode, markers: Markers) -> Iterator[Secret]:
    """The solutions, model answers, hidden tests and mark schemes of a source notebook."""
    for number, cell in enumerate(notebook.cells, 1):
        about = cell.metadata.get("nbgrader", {})
        origin = f"{name}, {cell_name(cell, number)}"
        regions, _ = markers.solution.regions(cell.source)
        if about.get("solution") and not regions:  # then nbgrader replaces the whole cell
            regions = [cell.source.splitlines()]
        kinds = [("the solution", regions, _NAMES_OF_SOLUTION)]
        for kind, delimiters in (
            ("a hidden test", markers.hidden_tests),
            ("a mark scheme", markers.mark_scheme),
        ):
            kinds.append((kind, delimiters.regions(cell.source)[0], _NAMES_OF_REGION))
        for kind, parts, names in kinds:
            for part, lines in enumerate(parts):
                if cell.cell_type == "code":
                    yield from _of_code(kind, origin, lines, names, part * _MOST_LINES)
                else:
                    yield from _of_prose(kind, origin, lines)


def secrets_of_grader(path: Path) -> Iterator[Secret]:
    """The code of a file of the graders, its tests' names, and the values that it compares with.

    Docstrings and messages are written for students, so they are none.
    """
    try:
        tree = ast.parse(path.read_text())
    except SyntaxError:
        return  # nothing runs that could be told; `check_graders` names it
    lines = _code_lines(path.read_text(), tree)
    yield from _of_code("a hidden test", path.name, lines, _NAMES_OF_TEST)
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) if name.startswith("test_"):
                yield Secret("a hidden test's name", path.name, name, words(name))
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                yield from _of_number(path.name, value)


def secrets_of_values(path: Path) -> Iterator[Secret]:
    """The numbers of a JSON file beside the graders, which tests compare with."""
    found: set[str] = set()
    try:
        json.loads(path.read_text(), parse_int=found.add, parse_float=found.add)
    except ValueError:
        return
    for number in sorted(found):
        yield from _of_number(path.name, float(number))


def _of_number(origin: str, value: float) -> Iterator[Secret]:
    if len(Decimal(repr(value)).normalize().as_tuple().digits) >= _DIGITS:
        yield Secret("an expected value", origin, f"{value}", number=float(value))


def _code_lines(text: str, tree: ast.AST) -> list[str]:
    """Lines of code that are neither imports nor signatures nor nothing but a string."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                skipped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            case ast.FunctionDef() | ast.ClassDef():
                skipped |= set(range(node.lineno, node.body[0].lineno))
            case ast.Constant(value=str()) | ast.JoinedStr():
                if node.end_lineno != node.lineno:
                    skipped |= set(range(node.lineno, (node.end_lineno or 0) + 1))
    lines = enumerate(text.splitlines(), 1)
    return [line for number, line in lines if number not in skipped and not _STRING.match(line)]


def _of_code(
    kind: str, origin: str, lines: Iterable[str], names: int, first: int = 0
) -> Iterator[Secret]:
    """
    Args:
        first: the place of the first line among all that have this kind and origin.
    """
    stripped = (_COMMENT.sub("", line).strip() for line in lines)
    code = [line for line in stripped if line and not _SIGNATURE.match(line)]
    placed = list(enumerate(code, first))
    for one in placed:
        if _says_something([one[1]], names):
            yield Secret(f"a line of {kind}", origin, f"`{one[1]}`", words(one[1]), code=(one,))
    row = min(_ROW, len(code))
    for start in range(len(code) - row + 1):
        together = code[start : start + row]
        if row > 1 and _says_something(together, names):
            shown = f"`{LINE_END.join(together)}`"
            row_of = tuple(placed[start : start + row])
            yield Secret(f"lines of {kind}", origin, shown, words("\n".join(together)), code=row_of)


def _says_something(lines: Sequence[str], names: int) -> bool:
    found = split_words(" ".join(lines))
    telling = [word for word in found if word[0].isalnum() and not keyword.iskeyword(word)]
    # A formula is short and still the whole of an answer: `return x + x`.
    formula = len(lines) == 1 and len(telling) > 1 and _FORMULA.search(lines[0])
    return len(telling) >= names or (bool(formula) and names == _NAMES_OF_SOLUTION)


def _of_prose(kind: str, origin: str, lines: Iterable[str]) -> Iterator[Secret]:
    found = prose("\n".join(lines)).split()
    for start in range(max(1, len(found) - _PROSE_WORDS + 1)):
        part = " ".join(found[start : start + _PROSE_WORDS])
        if len(found) > 2:
            yield Secret(f"a part of {kind}", origin, f"“{part}”", prose=f" {part} ")
