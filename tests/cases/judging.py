"""Judges the cases on the stand-in for the box: for the tests, the table and the benchmark.

Most of what the cases of one notebook ask for is the same: the reference's answers, the wrong loops'
updates, the probes of functions that a case leaves alone. `Memory` keeps such results for as long as
the process lives; a case is still judged by the graders as they stand, on the answers of its own cells.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import sys
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from unittest import mock

import matplotlib

from autograder import plain_data
from autograder.errors import StudentFault
from autograder.grading import Challenge, Device, Probe
from autograder.grading.plugin import judge
from autograder.grading.student import BoxLike
from autograder.grading.training import Drawn, FitChecks, Run, ShortRun, validation
from autograder.release.cases import Case, read_cases
from autograder.scorecard import Item
from tests.cases.hidden_numbers import Watched
from tests.graders.fake_box import FakeBox

_CPU = Device()
HERE = Path(__file__).parent
ALL_GRADERS = HERE.parents[1] / "autograder" / "graders"


@dataclass(frozen=True)
class Corpus:
    """An assignment's cases, and who judges them."""

    assignment: str
    cases: Mapping[str, Case]

    @property
    def graders(self) -> Path:
        return ALL_GRADERS / self.assignment

    @functools.cached_property
    def reference(self) -> str:
        return (self.graders / "reference.py").read_text()

    @functools.cached_property
    def points(self) -> dict[str, dict[str, float]]:
        """By notebook and function."""
        contract = tomllib.loads((self.graders / "contract.toml").read_text())
        return {
            notebook: {item.removesuffix("_tests"): points for item, points in items.items()}
            for notebook, items in contract["autograded"].items()
        }


VGG16 = Corpus("vgg16", read_cases(HERE))
CORPORA = {
    "vgg16": VGG16,
    **{
        folder.name: Corpus(folder.name, read_cases(folder))
        for folder in sorted(HERE.iterdir())
        if (ALL_GRADERS / folder.name / "contract.toml").is_file()
    },
}
GRADERS, REFERENCE, CASES, POINTS = VGG16.graders, VGG16.reference, VGG16.cases, VGG16.points

Draw = Callable[..., Drawn]  # of a challenge and what it asks for

matplotlib.use("agg")


def item_of(case: Case) -> str:
    """The function that a case is about: the first half of its name."""
    return case.name.partition("__")[0]


@dataclass(frozen=True)
class Result:
    """A case's autograded items, by grade_id, and what the graders asked to get there."""

    items: dict[str, Item]
    box: Watched
    reference: BoxLike

    def hidden(self) -> Iterator[Any]:
        """Hidden inputs and expected values; see `hidden_numbers`."""
        return self.box.hidden_values(self.reference)


def judged(
    case: Case,
    secret: bytes = b"corpus",
    memory: Memory | None = None,
    device: Device = _CPU,
    only: Collection[str] = (),
    corpus: Corpus = VGG16,
) -> Result:
    """Judge one case; `memory` spares what other cases have asked already.

    Args:
        corpus: the one that it belongs to.
        only: grade_ids, whose tests alone are run; all where it is empty.

    Raises:
        AssertionError: when the graders could not be run.
    """
    with contextlib.ExitStack() as stack:
        if memory is None:
            open_box: Callable[[dict[str, str]], BoxLike] = FakeBox
        else:
            open_box = memory.open_box
            stack.enter_context(memory.of_references())
        reference = {"reference": corpus.reference}
        # What lies beside the notebooks can be imported.
        beside = HERE.parents[1] / "source" / corpus.assignment
        stack.enter_context(mock.patch.object(sys, "path", [*sys.path, str(beside)]))
        box = Watched(open_box(reference | dict(case.cells)))
        graders = corpus.graders / f"test_{case.notebook}.py"
        ids = {f"{name}_tests": points for name, points in corpus.points[case.notebook].items()}
        alone: list[tuple[str, ...]] = [(grade_id,) for grade_id in only] or [()]
        results = [
            judge(graders, box, secret, case.notebook, device, only=wanted) for wanted in alone
        ]
    trouble = "\n".join(result.trouble for result in results if result.trouble)
    assert trouble == "", trouble
    checks = {key: checks for result in results for key, checks in result.checks.items()}
    items = {key: Item(key, ids[key], checks=checks.get(key, ())) for key in only or ids}
    return Result(items, box, open_box(reference))


class Memory:
    """Answers that many cases share."""

    def __init__(self) -> None:
        self._answers: dict[Any, Any] = {}
        self._runs: dict[Any, Run] = {}

    def open_box(self, cells: dict[str, str]) -> BoxLike:
        """A box that runs only what no box of the same cells was asked before."""
        return _Remembering(cells, self._answers)

    @contextlib.contextmanager
    def of_references(self) -> Iterator[None]:
        """Run a probe with the same function of ours and the same data once only."""
        run = Probe.__call__

        def call(probe: Probe, *functions: Any, **data: Any) -> Any:
            # A lambda is made anew for each question; the others live as long as their modules.
            if any(function.__name__ == "<lambda>" for function in functions):
                return run(probe, *functions, **data)
            key = (probe.name, functions, _digest(data))
            if key not in self._answers:
                self._answers[key] = run(probe, *functions, **data)
            return self._answers[key]

        with (
            mock.patch.object(Probe, "__call__", call),
            mock.patch.object(ShortRun, "drawn", lambda *asked: self._run(*asked)),
            mock.patch.object(
                FitChecks, "drawn", lambda checks, *asked: self._drawn_once(checks.draw)(*asked)
            ),
            mock.patch.object(
                validation, "validation_challenge", self._drawn_once(_validation_challenge)
            ),
        ):
            yield

    def _run(self, short: ShortRun, seed: int) -> Run:
        key = (short.file, short.test, seed)
        if key not in self._runs:
            run = self._runs[key] = _drawn_run(short, seed)
            run.judge = functools.partial(self._judge, key, run.judge)  # type: ignore[method-assign]
        return self._runs[key]

    def _drawn_once(self, draw: Draw) -> Draw:
        """The same, but that it draws once from where a challenge's generator stands."""

        def drawn(*asked: Any, **named: Any) -> Drawn:
            (challenge,) = (value for value in asked if isinstance(value, Challenge))
            others = [value for value in asked if value is not challenge]
            generator = challenge.rng.bit_generator
            key = (draw, challenge.seed, repr(generator.state), repr((others, named)))
            if key not in self._answers:
                self._answers[key] = draw(*asked, **named), generator.state
            once, generator.state = self._answers[key]
            return cast(Drawn, once)

        return drawn

    def _judge(self, run: Any, judge: Callable[[Any], Any], state: Any) -> Any:
        key = (run, _digest({"": state}))
        if key not in self._answers:
            self._answers[key] = judge(state)
        return self._answers[key]


_drawn_run = ShortRun.drawn
_validation_challenge = validation.validation_challenge


class _Remembering:
    """The short run takes most of a case's time. Cells that move every parameter of the graders' other
    networks as the reference does, to the last bit, share its run; the benchmark `stability.py` runs all.
    """

    def __init__(self, cells: dict[str, str], answers: dict[Any, Any]) -> None:
        self._box, self._cells, self._answers = FakeBox(cells), cells, answers
        self._asked: list[tuple[tuple[str, str, dict[str, str], dict[str, Any]], bytes]] = []

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        depends_on = reached_by(names.values(), self._cells)
        if function == "short_run" and self._trains_as_the_reference():
            reference = {"reference": self._cells["reference"]}
            depends_on = reached_by(names.values(), reference)
        key = (source, function, repr(names), _digest(data), depends_on)
        if key not in self._answers:
            try:
                self._answers[key] = self._box.ask(source, function, names, data)
            except StudentFault as fault:
                self._answers[key] = fault
        answer = self._answers[key]
        if isinstance(answer, StudentFault):
            raise answer.with_traceback(None)
        if function in ("one_epoch", "fitted"):
            self._asked.append(((source, function, names, data), _digest(answer["state"])))
        return answer

    def _trains_as_the_reference(self) -> bool:
        reference = _Remembering({"reference": self._cells["reference"]}, self._answers)
        return {question[1] for question, _ in self._asked} == {"one_epoch", "fitted"} and all(
            _digest(reference.ask(*question)["state"]) == moved for question, moved in self._asked
        )


def _digest(data: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(plain_data.dumps(dict(data))).digest()


def reached_by(names: Iterable[str], cells: Mapping[str, str]) -> str:
    """The text on which the answers of these functions depend.

    The functions' own, and that of everything they name, and so on. A cell that does more than define
    names may change anything: then it is the text of all cells.
    """
    defined: dict[str, tuple[str, frozenset[str]]] = {}
    for cell, text in cells.items():
        parts = _parts(text)
        if cell == "reference":
            for bound, part, named, _ in parts:
                defined |= dict.fromkeys(bound, (part, named))
        else:
            if not all(only_defines for *_, only_defines in parts):
                return "\n".join(cells.values())
            named = frozenset().union(*(named for _, _, named, _ in parts))
            for bound, *_ in parts:
                defined |= dict.fromkeys(bound, (text, named))
    found: dict[str, str] = {}
    ahead = [*names]
    while ahead:
        name = ahead.pop()
        if name in defined and name not in found:
            found[name], named = defined[name]
            ahead += named
    return "\n".join(f"{name}: {found[name]}" for name in sorted(found))


@functools.lru_cache(maxsize=512)
def _parts(text: str) -> list[tuple[frozenset[str], str, frozenset[str], bool]]:
    """Of each statement: the names that it binds, its text, the names in it, and whether it only binds."""
    parts = []
    definitions = ast.FunctionDef | ast.ClassDef
    for statement in ast.parse(text).body:
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        if isinstance(statement, ast.Import | ast.ImportFrom):
            bound = {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
        elif isinstance(statement, definitions):
            bound = {statement.name}
        else:
            bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        harmless = definitions | ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        parts.append(
            (
                frozenset(bound),
                ast.get_source_segment(text, statement) or "",
                frozenset(node.id for node in names),
                docstring or isinstance(statement, harmless),
            )
        )
    return parts
