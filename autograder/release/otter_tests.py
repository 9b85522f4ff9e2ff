"""A test cell of an otter-assign notebook as the text of a grade cell, and what each test cell is worth.

otter judges by doctest: each line is run, and what the cell shows must be what the source notebook shows in
its stored output. Or, with `ok_format: false`, it calls the cell's function with the student's names. Here
both become code that raises where a test does not hold, so that nbgrader's rules give otter's marks.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from nbformat import NotebookNode

from autograder.course.markers import Delimiters
from autograder.errors import KitError
from autograder.scorecard import counted

_CONFIG = re.compile(r'(?:\w+\s*=\s*)?"""\s*#\s*BEGIN\s+TEST\s+CONFIG', re.IGNORECASE)
_CONFIG_END = re.compile(r'"""\s*#\s*END\s+TEST\s+CONFIG', re.IGNORECASE)
_HIDDEN = re.compile(r"\s*#.*\bhidden\b", re.IGNORECASE)


@dataclass(frozen=True)
class TestCell:
    """What a test cell says."""

    __test__ = False  # nothing for pytest

    text: str
    hidden: bool = False
    points: float | None = None
    on_success: str = ""
    on_failure: str = ""
    shown: str = ""  # the result that is expected, as text
    printed: str = ""  # the output that is expected
    was_run: bool = False


def read_test(cell: NotebookNode) -> TestCell:
    """Read a test cell: its configuration, its code, and the output that is stored with it.

    Raises:
        KitError: when the configuration or the code cannot be read; it says what, and not where.
    """
    lines = cell.source.split("\n")
    hidden = bool(_HIDDEN.match(lines[0]))
    told: dict[str, Any] = {}
    if _CONFIG.match(lines[0]):
        end = next((n for n, line in enumerate(lines) if _CONFIG_END.match(line)), None)
        told = as_mapping("\n".join(lines[1:end])) if end else {}
        lines = lines[end + 1 :] if end else lines
    elif hidden:
        lines = lines[1:]
    points = told.get("points")
    if points is not None and (isinstance(points, bool) or not isinstance(points, int | float)):
        raise KitError(f"its points are {points!r}, and no number.")
    shown, printed = [], []
    for output in cell.get("outputs", []):
        if output.output_type == "stream" and output.name == "stdout":
            printed.append("".join(output.text))
        elif output.output_type == "execute_result":
            shown.append("".join(output.data.get("text/plain", "")))
        elif output.output_type == "display_data":
            raise KitError("it shows a picture, which no test can be held against.")
    return TestCell(
        "\n".join(lines),
        bool(told.get("hidden", hidden)),
        points,
        str(told.get("success_message") or ""),
        str(told.get("failure_message") or ""),
        "".join(shown),
        "".join(printed),
        cell.get("execution_count") is not None or bool(cell.get("outputs")),
    )


def as_mapping(text: str) -> dict[str, Any]:
    """The YAML of a configuration.

    Raises:
        KitError: when it is none.
    """
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise KitError(f"its configuration is no YAML: {error}") from error
    if data is not None and not isinstance(data, dict):
        raise KitError("its configuration is no list of `name: value`.")
    return data or {}


def points_of(points: object, tests: Sequence[TestCell]) -> list[float]:
    """What each test is worth, from the points of its question and its own, by otter's rules.

    A list gives each its own. Otherwise what is left of the question's points is shared by the tests that say
    nothing; where the question says nothing, they share 1 point, or get none if another test has points.

    Raises:
        KitError: when the points contradict each other.
    """
    own = [test.points for test in tests]
    if isinstance(points, dict):
        points = points.get("each", 1) * len(tests)
    if isinstance(points, list):
        if len(points) != len(tests):
            raise KitError(
                f"it has points for {counted(len(points), 'test')}, and {counted(len(tests), 'test')}."
            )
        own, points = points, None
    given = [value for value in own if value is not None]
    if points is not None and not isinstance(points, int | float):
        raise KitError(f"its points are {points!r}, and no number.")
    if points is None:
        points = sum(given) if any(given) else 1
    if sum(given) > points + 1e-9:  # three times 0.1 is a little more than 0.3
        raise KitError(
            f"its tests have {counted(sum(given), 'point')}, and the question {points:g}."
        )
    silent = len(own) - len(given)
    share = max(points - sum(given), 0) / silent if silent else 0.0
    exact = [share if value is None else float(value) for value in own]
    given = [round(value, 6) for value in exact]
    rest = round(sum(exact) - sum(given), 6)  # of three thirds
    if rest:
        given[max(number for number, value in enumerate(given) if value)] += rest
    return [round(value, 6) for value in given]


def functions_of(test: TestCell) -> set[str]:
    """The names of the functions that a test cell defines; none where it is no Python."""
    try:
        body = ast.parse(test.text).body
    except SyntaxError:
        return set()
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


def as_grade_cell(
    test: TestCell, in_functions: bool, names: Collection[str], helpers: Collection[str]
) -> str:
    """The code that raises where the test does not hold.

    Args:
        in_functions: whether otter calls the cell's function itself (`ok_format: false`).
        names: names that the notebook uses outside of tests. A test that would bind one runs in a function.
        helpers: functions that test cells define; a call of one is a test, and shows nothing.

    Raises:
        KitError: when nothing says what is expected; then a test would expect nothing.
    """
    try:
        tree = ast.parse(test.text)
    except SyntaxError as error:
        raise KitError(f"it is no Python (line {error.lineno}: {error.msg}).") from error
    if not tree.body:
        raise KitError("there is no test in it.")
    text = _called(test.text, tree) if in_functions else _expecting(test, tree, helpers)
    if not in_functions and _assigned(tree) & set(names):
        inner = ast.unparse(ast.parse(text)).split("\n")
        text = "def _test():\n" + "\n".join(f"    {line}" for line in inner) + "\n\n_test();"
    if test.on_failure:
        body = ast.parse(text).body
        raised = ast.parse(f"raise AssertionError({test.on_failure!r}) from error").body
        handler = ast.ExceptHandler(ast.Name("Exception"), "error", raised)
        tried = ast.Try(body, [handler], [], [])
        text = ast.unparse(ast.fix_missing_locations(ast.Module([tried], [])))
    if test.on_success:
        text += f"\nprint({test.on_success!r})"
    return text


def seed_cell(variable: object, value: int, hidden: Delimiters) -> str:
    """A cell that has, when it is graded, what otter writes at the head of each cell done before each.

    Args:
        variable: the name that gets the value; None where numpy and random are seeded with it.
    """
    named = [f"    get_ipython().user_ns[{str(variable)!r}] = {value}"]
    drawn = [
        "    import random, numpy",
        f"    random.seed({value})",
        f"    numpy.random.seed({value})",
    ]
    lines = [
        "# When it is graded, the seed is set here.",
        hidden.begin,
        "def _seed(*_):",
        *(drawn if variable is None else named),
        "get_ipython().events.register('pre_run_cell', _seed)",
        hidden.end,
    ]
    return "\n".join(lines)


def _called(text: str, tree: ast.Module) -> str:
    """The cell's function, and a call of it with the names of its parameters; `env` is all names."""
    function = tree.body[0]
    if not isinstance(function, ast.FunctionDef) or len(tree.body) > 2:
        raise KitError("it is no single function, which `ok_format: false` asks for.")
    parameters = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    given = ["globals()" if name == "env" else name for name in parameters]
    given += [f"{a.arg}={a.arg}" for a in function.args.kwonlyargs]
    body = "\n".join(text.split("\n")[: function.end_lineno])
    return f"{body}\n\n{function.name}({', '.join(given)});"


def _expecting(test: TestCell, tree: ast.Module, helpers: Collection[str]) -> str:
    """A doctest-like cell with what it shows in an assertion."""
    last = tree.body[-1]
    for node in tree.body[:-1]:
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call | ast.Constant):
            raise KitError(
                f"line {node.lineno} shows a value that nothing is held against. Make a test cell of it."
            )
    text = _without_comment(test.text)
    if not isinstance(last, ast.Expr):
        if not test.printed and not test.was_run and _prints(tree):
            raise KitError(_STRIPPED)
        return _capturing(tree, test.printed) if test.printed else text
    if test.printed:
        if test.shown:
            tree.body[-1] = ast.parse(f"print(repr({ast.unparse(last.value)}))").body[0]
        return _capturing(tree, test.printed + test.shown)
    head = "\n".join(text.split("\n")[: last.lineno - 1])
    value = ast.get_source_segment(text, last.value) or ast.unparse(last.value)
    head = f"{head}\n" if head else ""
    if test.shown:
        return f"{head}assert repr({value}) == {test.shown!r}"
    if not isinstance(last.value, ast.Call):
        raise KitError(_STRIPPED)
    name = ast.unparse(last.value.func).rpartition(".")[2]
    if name in helpers or name.startswith("assert"):
        return f"{head}{value};"
    if not test.was_run:
        raise KitError(_STRIPPED)
    return f"{head}assert {value} is None"


_STRIPPED = (
    "otter takes what a test expects from its stored output, and there is none: the test would expect "
    "nothing. Run the source notebook with its solutions, save it with its outputs, and adopt it again."
)


def _without_comment(text: str) -> str:
    return re.sub(r"[ \t]*#[ \t]*IGNORE[ \t]*$", "", text, flags=re.MULTILINE).rstrip()


def _prints(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
        for node in ast.walk(tree)
    )


def _capturing(tree: ast.Module, expected: str) -> str:
    captured = ast.parse(
        "with contextlib.redirect_stdout(io.StringIO()) as printed:\n    pass"
    ).body[0]
    assert isinstance(captured, ast.With)
    captured.body = tree.body
    text = ast.unparse(ast.fix_missing_locations(ast.Module([captured], [])))
    wanted = expected.rstrip("\n")
    return f"import contextlib, io\n\n{text}\nassert printed.getvalue().rstrip('\\n') == {wanted!r}"


def _assigned(tree: ast.Module) -> set[str]:
    """The names that a cell binds where the notebook's names are; those in its functions are their own."""
    names: set[str] = set()
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            todo += ast.iter_child_nodes(node)
    return names
