"""Hand-ins made from a release of otter's own: their cells have no ids, but each check names its question.

An adopted source has an item by the name of the question, or items `NAME_1`, `NAME_2`, …; they belong where
the student's `grader.check("NAME")` stands, or, where that one was deleted, at the end. A notebook without
any check is left to the other repairs.
"""

from __future__ import annotations

import ast
import re

from nbformat import NotebookNode

from autograder.course.cells import SourceNotebook, grade_id_of
from autograder.course.reading import new_id

SAFE_ID = re.compile(r"[^A-Za-z0-9_-]+")  # what an id cannot hold of a question's name

SEED_ID = "seed-of-the-grading"  # of the cell that sets otter's seed; it is put back at the top


def put_tests_at_checks(notebook: NotebookNode, source: SourceNotebook) -> list[str]:
    """Put the tests of each question where otter's last check of it stands; says which."""
    if any(grade_id_of(cell) for cell in notebook.cells):
        return []
    released = source.released_cells()
    items = [c.grade_id for c in source.grade_cells if not c.manual and c.grade_id != SEED_ID]
    taken = {cell.get("id", "") for cell in notebook.cells}
    cells: list[NotebookNode] = []
    said, seen = [], set()
    names = [_checked(cell) for cell in notebook.cells]
    last = {
        name: number for number, name in enumerate(names)
    }  # who asks twice means the later answer
    for number, cell in enumerate(notebook.cells):
        name = names[number] if last[names[number]] == number else ""
        own = re.compile(rf"{re.escape(SAFE_ID.sub('_', name))}(_\d+)?") if name else None
        found = [item for item in items if own and own.fullmatch(item) and item not in seen]
        for item in found:
            cells.append(_test_cell(released[item], item, taken))
        if found:
            seen.update(found)
            said.append(f'the tests of {name} stand where otter\'s grader.check("{name}") was')
        else:
            cells.append(cell)
    # Whose check was deleted: behind everything, where an answer stands before it wherever it stands.
    for item in (item for item in items if said and item not in seen):
        cells.append(_test_cell(released[item], item, taken))
        said.append(f"the tests of {item} stand at the end, since no grader.check of it was there")
    notebook.cells = cells
    return said


def _test_cell(released: NotebookNode, item: str, taken: set[str]) -> NotebookNode:
    made = NotebookNode(released)
    made.id = new_id(item, taken)
    taken.add(made.id)
    return made


def _checked(cell: NotebookNode) -> str:
    """The question that a cell asks otter to check; "" if it does something else."""
    if cell.cell_type != "code" or len(cell.source) > 1000:
        return ""
    try:
        tree = ast.parse(cell.source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    match tree:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="grader"), attr="check"),
            args=[ast.Constant(value=str(name))],
            keywords=[],
        ):
            return name
    return ""
