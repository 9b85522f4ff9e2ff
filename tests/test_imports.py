"""Imports go downhill: the rooms of docs/architecture.md, and who may enter which."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import autograder

ROOT = Path(autograder.__file__).parent
LEAVES = {
    "errors",
    "scorecard",
    "checks",
    "plain_data",
    "clean",
    "digest",
    "locks",
    "files",
    "progress",
}
SIBLINGS = {"course", "sandbox", "grading", "report", "data", "lms", "similarity"}
BELOW_JUDGE = LEAVES | SIBLINGS
COMMANDS = {"autograde", "release", "calibration", "cluster", "runners"}
MAY_IMPORT = {
    **dict.fromkeys(LEAVES, LEAVES),
    **dict.fromkeys(SIBLINGS, LEAVES),
    "database": LEAVES | {"course"},
    "guest": {"plain_data"},
    "graders": {"grading", "data", "plain_data"},
    "judge": BELOW_JUDGE,
    "runners": LEAVES,
    "calibration": BELOW_JUDGE | {"judge"},
    "cluster": BELOW_JUDGE | {"judge"},
    "release": BELOW_JUDGE | {"judge", "database"},
    "autograde": BELOW_JUDGE | {"judge", "calibration", "database"},
    "nbgrader_plugin": BELOW_JUDGE | {"judge", "autograde", "database"},
    "demo": BELOW_JUDGE | {"judge", "autograde", "release"},
    "doctor": BELOW_JUDGE | {"judge", "database"} | COMMANDS,
    "terminal": LEAVES | {"report"},
    "cli": BELOW_JUDGE | COMMANDS | {"database", "terminal", "demo", "doctor"},
    "__main__": {"cli"},
    "__init__": set(),
}
MOST_OF_A_ROOM = 0.15  # of the package's lines
MOST_OF_A_FILE = 400  # lines


def room_of(dotted: str) -> str:
    """The room of `autograder.room.more`; the package itself is `__init__`."""
    return [*dotted.split("."), "__init__"][1]


def is_module(dotted: str) -> bool:
    path = ROOT.parent.joinpath(*dotted.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports(text: str) -> set[str]:
    """The kit's modules that a file imports, wherever in it, by their dotted names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            inner = {alias.name for alias in node.names if is_module(f"{module}.{alias.name}")}
            found |= {f"{module}.{name}" for name in inner}
            found |= {module} if len(inner) < len(node.names) else set()
    return {name for name in found if name.split(".")[0] == "autograder"}


FILES = sorted(path for path in ROOT.rglob("*.py") if "templates" not in path.parts)


# What students carry beside their notebooks is one file each.
OF_STUDENTS = {"course_data.py", "training_tools.py"}


def is_exempt(path: Path) -> bool:
    """Whether a file is a hidden test, or a student's: both are read from top to bottom, alone."""
    return path.name in OF_STUDENTS or (
        path.name.startswith("test_") and path.is_relative_to(ROOT / "graders")
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_from_rooms_below_its_own(path: Path) -> None:
    room = path.relative_to(ROOT).with_suffix("").parts[0]
    used = {room_of(name) for name in imports(path.read_text())} - {room, "__init__", "__version__"}
    assert used <= MAY_IMPORT[room], f"{room} may not import {used - MAY_IMPORT[room]}"


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {
        ".".join(("autograder", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): imports(path.read_text())
        for path in FILES
    }
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " → ".join((*way, module))
        if module in graph and module not in done:
            for name in graph[module] - {module}:
                visit(name, (*way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_no_room_is_more_than_a_seventh_of_the_house_and_no_file_is_long() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in FILES if not is_exempt(path)}
    rooms: Counter[str] = Counter()
    for path, number in lines.items():
        parts = path.relative_to(ROOT).with_suffix("").parts
        # A library with a face of its own.
        apart = parts[:2] == ("grading", "training")
        rooms["grading.training" if apart else parts[0]] += number
    large = {
        room: f"{n / rooms.total():.0%}"
        for room, n in rooms.items()
        if n > MOST_OF_A_ROOM * rooms.total()
    }
    assert not large
    assert not {str(path.relative_to(ROOT)): n for path, n in lines.items() if n > MOST_OF_A_FILE}


def test_the_check_sees_an_import_that_goes_uphill() -> None:
    assert imports("def f():\n    from autograder.judge import judge") == {"autograder.judge.judge"}
    assert imports("from autograder import plain_data") == {"autograder.plain_data"}
    assert room_of("autograder.judge.judge") not in MAY_IMPORT["course"]
    assert "autograde" not in MAY_IMPORT["judge"], "judging knows of no gradebook"


def test_every_file_of_the_package_is_linted() -> None:
    """A pattern for a folder at the top once left out the room of the same name."""
    shown = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--show-files", str(ROOT)],
        capture_output=True, text=True, check=True, cwd=ROOT.parent,
    )  # fmt: skip
    assert {*map(str, FILES)} <= {*shown.stdout.split()}
