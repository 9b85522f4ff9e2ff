"""nbgrader's OverwriteCells, with one look into the gradebook for a notebook instead of two for each cell."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbgrader.api import MissingEntry
from nbgrader.preprocessors import OverwriteCells as NbgraderOverwriteCells

from autograder.autograde import gradebook
from autograder.nbgrader_plugin.exporter import judged_by


class OverwriteCells(NbgraderOverwriteCells):  # type: ignore[misc]
    """Puts locked cells, types and points back as the gradebook knows them, and adds checksums.

    The exporter has already put them back as the source has them, and added what was missing.
    """

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        self.notebook_id = resources["nbgrader"]["notebook"]
        self.assignment_id = resources["nbgrader"]["assignment"]
        with gradebook.entry(judged_by(self).submission.course) as writing:
            self.gradebook = _Released(writing.book, self.notebook_id, self.assignment_id)
            for index, cell in enumerate(nb.cells):
                self.preprocess_cell(cell, resources, index)
        return nb, resources


class _Released:
    """The cells of a released notebook: what OverwriteCells asks a gradebook for."""

    def __init__(self, book: Any, notebook: str, assignment: str) -> None:
        released = book.find_notebook(notebook, assignment)
        self._cells = {cell.name: cell for cell in released.source_cells}
        self._graded = {cell.name: cell for cell in released.grade_cells}  # never asked of a task

    def find_source_cell(self, name: str, _notebook: str, _assignment: str) -> Any:
        return _found(self._cells, name)

    def find_graded_cell(self, name: str, _notebook: str, _assignment: str) -> Any:
        return _found(self._graded, name)


def _found(cells: dict[str, Any], name: str) -> Any:
    if name not in cells:
        raise MissingEntry(f"The gradebook knows no cell `{name}`.")
    return cells[name]
