"""Makes the start of another assignment: small, whole, and fit to pass the release gate."""

from __future__ import annotations

import ast
import json
import re
import shutil
from pathlib import Path

import autograder
from autograder.course import Course
from autograder.course.cells import grade_id_of
from autograder.course.claims import defined_names
from autograder.course.judged_by import ids_from_outside
from autograder.errors import KitError
from autograder.files import write_whole

_TEMPLATES = Path(__file__).parent / "templates"
_IMPORTS = '"""Hidden tests of {notebook}. They never leave this folder; students read titles and hints."""\n'
_TEST = '''

@graded({grade_id})
def test_{name}(student: Student, challenge: Challenge) -> None:
    """Write here what students read as this row.

    And here a question that helps who fails it.
    """
    # The tests in the cell are below. Ask the same with inputs of `challenge`: student.{function}(...).
{tests}
    raise NotImplementedError("Write the hidden test of {name}.")  # until then staff are told
'''
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")


def new_assignment(course: Course, name: str, training: bool = False) -> dict[str, Path]:
    """Write notebook, hidden tests with their contract, and cases of a new assignment.

    Args:
        training: one that trains a network: with a helper for students, a training check, a short run with
            calibrated thresholds, and a written answer.

    Returns:
        the folders that were made, by what is in them.

    Raises:
        KitError: when the name is no good, something of that name is there, or the hidden tests would
            come to lie inside the installed kit.
    """
    if not _NAME.fullmatch(name):
        raise KitError(
            f"{name!r} is no good name: it becomes a folder, a part of addresses and an id of nbgrader's. "
            "Take letters, digits, - and _, up to 61 of them, with a letter or a digit first."
        )
    graders = course.graders(name)
    kit = Path(autograder.__file__).parent
    if graders.is_relative_to(kit) and not kit.is_relative_to(course.root):
        raise KitError(
            "The hidden tests would come to lie inside the installed kit. Say where yours are in "
            'course_config.py: c.CourseSettings.graders_directory = "graders".'
        )
    folders = {
        "source": course.source(name),
        "graders": graders,
        "cases": course.root / course.settings.cases_directory / name,
    }
    taken = [path for path in (*folders.values(), course.release(name)) if path.exists()]
    if taken:
        raise KitError(f"{taken[0]} is there already. Take another name, or move it away.")
    template = _TEMPLATES / ("training" if training else "assignment")
    for part, folder in folders.items():
        shutil.copytree(template / part, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folders


def new_test(course: Course, assignment: str, grade_id: str) -> Path:
    """Write the start of a hidden test for a grade cell, with the cell's own tests beside it.

    Returns:
        the grader file, to which it was added.

    Raises:
        KitError: when there is no such cell for the judge, or it has a hidden test already.
    """
    sources = course.notebooks(assignment)
    cells = {
        cell.grade_id: (source, cell)
        for source in sources.values()
        for cell in source.grade_cells
        if not cell.manual
    }
    if grade_id not in cells:
        raise KitError(
            f"`{assignment}` has no autograded cell `{grade_id}` (there: {', '.join(cells) or 'none'})."
        )
    source, cell = cells[grade_id]
    path = course.graders(assignment) / f"test_{source.name}.py"
    if grade_id in ids_from_outside(path):
        raise KitError(f"{path} has a test of `{grade_id}` already.")
    texts = {grade_id_of(entry): entry.source for entry in source.notebook.cells}
    functions = sorted(defined_names(texts.get(cell.solution, "")))
    test = _TEST.format(
        grade_id=json.dumps(grade_id),
        name=re.sub(r"\W", "_", grade_id),
        function=functions[0] if functions else "name",
        tests="\n".join(f"    #     {line}".rstrip() for line in texts[grade_id].splitlines()),
    )
    head = "" if path.is_file() else _IMPORTS.format(notebook=source.name)
    before = path.read_text() if path.is_file() else ""
    names = [name for name in ("Challenge", "Student", "graded") if not _imports(before, name)]
    if names:
        line = f"from autograder.grading import {', '.join(names)}\n"
        head += f"\n{line}" if head else ""
        before = before if head else _with_import(before, line)
    write_whole(path, f"{head}{before.rstrip()}\n{test}" if before else f"{head}{test}")
    return path


def _imports(text: str, name: str) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and any((a.asname or a.name) == name for a in node.names)
        for node in ast.walk(ast.parse(text))
    )


def _with_import(text: str, line: str) -> str:
    """A module's text with an import more, behind its docstring and its imports from the future."""
    after = 0
    for node in ast.parse(text).body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not (is_docstring or is_future):
            break
        after = node.end_lineno or after
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:after], "\n" if after else "", line, *lines[after:]])
