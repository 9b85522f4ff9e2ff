"""The grade cells of an assignment, read from its source notebooks: the only place points come from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.errors import KitError

_HIDDEN = re.compile(r"[^\n]*BEGIN HIDDEN TESTS.*?END HIDDEN TESTS[^\n]*\n?", re.DOTALL)
_SOLUTION = re.compile(r"([^\S\n]*)### BEGIN SOLUTION.*?### END SOLUTION[^\n]*", re.DOTALL)

_CODE_STUB = "# YOUR CODE HERE\nraise NotImplementedError()"  # nbgrader's
_TEXT_STUB = "YOUR ANSWER HERE"


@dataclass(frozen=True)
class GradeCell:
    """One item of the assignment: a cell that carries points."""

    grade_id: str
    max_score: float
    manual: bool  # a written answer, marked by a person
    solution: str  # grade_id of the solution cell that it judges (its own for a written answer)


@dataclass(frozen=True, eq=False)
class SourceNotebook:
    """A source notebook and its grade cells in order. Read once for a whole class: change nothing in it."""

    name: str
    notebook: NotebookNode
    grade_cells: tuple[GradeCell, ...]

    @cached_property
    def released_texts(self) -> dict[str, str]:
        """The sources of the cells with a grade_id, without solutions and hidden tests."""
        named = ((grade_id_of(cell), cell) for cell in self.notebook.cells)
        return {grade_id: _released(cell) for grade_id, cell in named if grade_id}

    def released_cells(self) -> dict[str, NotebookNode]:
        """The cells with a grade_id as students get them: without solutions and hidden tests."""
        released = {}
        for cell in self.notebook.cells:
            grade_id = grade_id_of(cell)
            if grade_id:
                copy = NotebookNode(cell)
                copy.metadata = NotebookNode(nbgrader=NotebookNode(cell.metadata.nbgrader))
                copy.source = self.released_texts[grade_id]
                released[grade_id] = copy
        return released


def grade_id_of(cell: NotebookNode) -> str | None:
    """The cell's grade_id, or None; the metadata of a submission may be anything."""
    metadata = cell.get("metadata", {}).get("nbgrader")
    grade_id = metadata.get("grade_id") if isinstance(metadata, dict) else None
    return grade_id if isinstance(grade_id, str) and grade_id else None


def read_source(path: Path) -> SourceNotebook:
    """Read a source notebook.

    Raises:
        KitError: when it is damaged: not readable, two cells with one id, or points that are none.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:
        raise KitError(f"The source notebook {path} cannot be read: {error}") from error
    cells: list[GradeCell] = []
    seen: set[str] = set()
    solution = ""
    for cell in notebook.cells:
        grade_id = grade_id_of(cell)
        if grade_id is None:
            continue
        if grade_id in seen:
            raise KitError(
                f"{path}: two cells have the grade_id `{grade_id}`. Give one another id."
            )
        seen.add(grade_id)
        metadata: dict[str, Any] = cell.metadata.nbgrader
        if metadata.get("solution"):
            solution = grade_id
        if metadata.get("grade") or metadata.get("task"):
            manual = bool(
                metadata.get("solution") or metadata.get("task") or cell.cell_type != "code"
            )
            cells.append(GradeCell(grade_id, _points(path, grade_id, metadata), manual, solution))
    return SourceNotebook(path.stem, notebook, tuple(cells))


def _points(path: Path, grade_id: str, metadata: dict[str, Any]) -> float:
    points = metadata.get("points")
    if isinstance(points, bool) or not isinstance(points, int | float) or not 0 <= points < 1e6:
        raise KitError(f"{path}: the cell `{grade_id}` has points {points!r}; give it a number.")
    return float(points)


def _released(cell: NotebookNode) -> str:
    """What nbgrader leaves of a cell's source in the release."""
    text, replaced = _SOLUTION.subn(_stub, _HIDDEN.sub("", cell.source))
    if replaced or not cell.metadata.nbgrader.get("solution"):
        return text
    return _CODE_STUB if cell.cell_type == "code" else _TEXT_STUB


def _stub(match: re.Match[str]) -> str:
    indent = match.group(1)
    return "\n".join(indent + line for line in _CODE_STUB.splitlines())
