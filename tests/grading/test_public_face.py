"""What hidden tests import: the public face of `autograder.grading`, where everything has a docstring."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import autograder
from autograder import grading
from autograder.grading import calibration, training

ROOT = Path(autograder.__file__).parent
FACES = (
    "autograder.grading",
    "autograder.grading.calibration",
    "autograder.grading.training",
    "autograder.data",
)
# What lies beside the notebooks: students have all of it.
OF_STUDENTS = {f"autograder.data.{path.stem}" for path in (ROOT / "data").glob("*_tools.py")}
TEMPLATE = ROOT / "release" / "templates" / "assignment" / "graders"
FILES = sorted([*(ROOT / "graders").rglob("*.py"), *TEMPLATE.rglob("*.py")])


def past_the_face(text: str) -> list[str]:
    """What a file imports of the kit besides its neighbours and what the faces offer."""
    names = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names if alias.name.startswith("autograder.")]
        elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "autograder":
            module = str(node.module)
            if not module.startswith("autograder.graders.") and module not in OF_STUDENTS:
                offered = importlib.import_module(module).__all__ if module in FACES else ()
                names += [f"{module}.{a.name}" for a in node.names if a.name not in offered]
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_hidden_test_imports_only_the_public_face(path: Path) -> None:
    assert past_the_face(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "import autograder.grading.compare",
        "from autograder.grading.compare import describe",
        "from autograder.grading import plugin",
        "from autograder.judge.job import Job",
    ],
)
def test_an_import_past_the_face_is_seen(line: str) -> None:
    assert past_the_face(f"def f():\n    {line}") != []


@pytest.mark.parametrize("face", [grading, calibration, training], ids=lambda face: face.__name__)
def test_everything_that_a_face_offers_is_there_and_says_what_it_is(face: object) -> None:
    for name in face.__all__:  # type: ignore[attr-defined]
        offered = getattr(face, name)
        assert not callable(offered) or (offered.__doc__ or "").strip(), name
