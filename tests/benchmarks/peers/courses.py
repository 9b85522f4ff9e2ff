"""The same class three times: a course of nbgrader's as it is, one of otter-grader's, one of ours."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.assignment import (
    NAME,
    SETUP,
    TASKS,
    Task,
    dedented,
    right_solutions,
    wrong_solutions,
)
from tests.tiny_course import cell, notebook

WRONG = "zoe"  # the student with the mistakes


def students(count: int) -> dict[str, dict[str, str]]:
    """Solutions by student: so many right ones, all different, and one with mistakes."""
    right = {f"student{number:03}": right_solutions(number) for number in range(count)}
    return {**right, WRONG: wrong_solutions()}


def submission(solutions: Mapping[str, str]) -> dict[str, Any]:
    """The notebook that a student hands in, the same to all three."""
    return _notebook(solutions, lambda task: task.visible)


def nbgraders_course(root: Path, count: int, immediate: bool = False) -> None:
    """A course of stock nbgrader's, its configuration the default.

    Args:
        immediate: end kernels at once, without nbgrader's pause of some seconds.
    """
    config = "c = get_config()\n"
    if immediate:
        config += 'c.Execute.shutdown_kernel = "immediate"\n'
    _write(root / "nbgrader_config.py", config)

    def tests(task: Task) -> str:
        hidden = f"### BEGIN HIDDEN TESTS\n{dedented(task.hidden)}\n### END HIDDEN TESTS"
        return f"{task.visible}\n{hidden}"

    _write_json(root / f"source/{NAME}/{NAME}.ipynb", _notebook(_sources(), tests))
    _submission(root, count)


def our_course(root: Path, count: int) -> None:
    """A course of ours."""
    lines = (
        "from autograder.nbgrader_plugin import configure",
        "c = get_config()",
        "configure(c, __file__)",
        'c.CourseDirectory.course_id = "peers"',
        'c.CourseSettings.graders_directory = "graders"',
    )
    _write(root / "course_config.py", "\n".join(lines) + "\n")
    _write(root / "nbgrader_config.py", 'load_subconfig("course_config.py")\n')
    hidden = (Path(__file__).parent / "hidden_network.py").read_text()
    _write(root / f"graders/{NAME}/test_{NAME}.py", hidden)
    source = _notebook(_sources(), lambda task: task.visible)
    _write_json(root / f"source/{NAME}/{NAME}.ipynb", source)
    _submission(root, count)


def otters_folder(root: Path, count: int) -> None:
    """What otter-grader needs: its test files, and a notebook for each student."""
    for task in TASKS:
        body = textwrap.indent(dedented(task.hidden), "    ")
        uses = ("torch", "nn", "functional", "models", task.name)
        text = (
            "from otter.test_files import test_case\n\n"
            f'OK_FORMAT = False\nname = "{task.name}"\npoints = {task.points}\n\n\n'
            f"@test_case(points={task.points}, hidden=True)\n"
            f"def test_{task.name}({', '.join(uses)}):\n{body}\n"
        )
        _write(root / f"tests/{task.name}.py", text)
    for student, solutions in students(count).items():
        _write_json(root / f"{student}.ipynb", submission(solutions))


def _sources() -> dict[str, str]:
    found = {}
    for task in TASKS:
        head, _, body = dedented(task.right[0]).partition("\n")
        found[task.name] = f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"
    return found


def _notebook(solutions: Mapping[str, str], tests: Any) -> dict[str, Any]:
    cells = [cell("markdown", "# A network"), cell("code", SETUP, "setup", locked=True)]
    for task in TASKS:
        about = {"grade": True, "locked": True, "points": task.points}
        cells.append(cell("code", solutions[task.name], task.name, solution=True))
        cells.append(cell("code", tests(task), f"{task.name}_tests", **about))
    return notebook(*cells)


def _submission(root: Path, count: int) -> None:
    for student, solutions in students(count).items():
        path = root / f"submitted/{student}/{NAME}/{NAME}.ipynb"
        _write_json(path, submission(solutions))


def _write_json(path: Path, content: Mapping[str, Any] | Iterable[Any]) -> None:
    _write(path, json.dumps(content))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
