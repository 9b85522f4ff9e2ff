"""By what an item is judged: hidden tests from outside, the tests in its own cell, or a person.

From outside is the rule. An assignment that comes from nbgrader has its tests in the notebook; its
`contract.toml` says so::

    tests = "in the notebook"

Then an item is judged by its own grade cell, in place and in order, as long as no grader file has a test of
it. So such an assignment moves to hidden tests item by item.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

from autograder.course.cells import SourceNotebook
from autograder.course.contract import CONTRACT, contract_data
from autograder.course.course import Course
from autograder.errors import KitError
from autograder.scorecard import counted

KEY, IN_THE_NOTEBOOK = "tests", "in the notebook"


def has_tests_in_notebooks(course: Course, assignment: str) -> bool:
    """Whether the assignment's contract leaves its items to the tests in its notebooks.

    Raises:
        KitError: when the contract cannot be read, or says something else there.
    """
    value = contract_data(course, assignment).get(KEY)
    if value not in (None, IN_THE_NOTEBOOK):
        raise KitError(
            f"{course.graders(assignment) / CONTRACT}: {KEY} is {value!r}, and can only be "
            f'"{IN_THE_NOTEBOOK}". Correct it, or take the line out.'
        )
    return value is not None


def judged_in_notebook(course: Course, assignment: str, source: SourceNotebook) -> frozenset[str]:
    """The grade_ids of the items that are judged by the tests in their own cells.

    Raises:
        KitError: when the contract or the grader file cannot be read.
    """
    if not has_tests_in_notebooks(course, assignment):
        return frozenset()
    outside = ids_from_outside(course.graders(assignment) / f"test_{source.name}.py")
    return frozenset(
        cell.grade_id
        for cell in source.grade_cells
        if not cell.manual and cell.grade_id not in outside
    )


def ids_from_outside(path: Path) -> frozenset[str]:
    """The grade_ids of which a file has hidden tests; none where there is no file.

    Raises:
        KitError: when it cannot be read, or works ids out when it runs.
    """
    try:
        status = path.stat()
    except OSError:
        return frozenset()
    return _tested(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _tested(path: Path, _size: int, _changed_ns: int) -> frozenset[str]:
    try:
        text = path.read_text()
        graded, all_graded = graded_ids(text, "graded")
        bonus, all_bonus = graded_ids(text, "bonus")
    except (OSError, SyntaxError, ValueError) as error:
        raise KitError(f"{path} cannot be read: {error}. Correct it.") from error
    if not (all_graded and all_bonus):
        raise KitError(
            f"{path} has a test whose grade_id is worked out when it runs. Write the id out: by the ids "
            "there it is decided which items the tests in the notebook judge."
        )
    return frozenset({**graded, **bonus})


def graded_ids(text: str, mark: str) -> tuple[dict[str, int], bool]:
    """The ids that the tests of a file are marked with, each with its first line; whether all could be read.

    Args:
        mark: "graded" or "bonus".

    Raises:
        SyntaxError: when the text is no Python.
    """
    ids: dict[str, int] = {}
    all_told = True
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or mark not in (
            getattr(node.func, "id", ""),
            getattr(node.func, "attr", ""),
        ):
            continue
        match node.args:
            case [ast.Constant(value=str(grade_id)), *_]:
                ids.setdefault(grade_id, node.lineno)
            case _:  # computed when it runs, where the box will show it
                all_told = False
    return ids, all_told


def words_for(count: int) -> str:
    """What staff read of so many items that are judged by tests in the notebook."""
    return (
        f"{counted(count, 'item')} {'is' if count == 1 else 'are'} judged by tests in the notebook, beside "
        "the student's code: each mark is as safe as its cell"
    )
