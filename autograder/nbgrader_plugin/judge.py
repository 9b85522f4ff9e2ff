"""The preprocessors that make and keep the marks, in the place of nbgrader's Execute and SaveAutoGrades."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.autograde.marks import write_marks
from autograder.autograde.records import forget_done
from autograder.course.bonus import ordinary_cells
from autograder.nbgrader_plugin.exporter import judged_by


class Judge(NbGraderPreprocessor):  # type: ignore[misc]
    """Has the notebook judged, in a box and by the hidden tests, and puts its outputs in."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        judged = judged_by(self)
        notebook = resources["nbgrader"]["notebook"]
        judgement = judged.judgement(notebook)
        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        for number, (cell, outputs) in enumerate(zip(code, judgement.outputs, strict=True), 1):
            cell.outputs = [NotebookNode(output) for output in outputs]
            cell.execution_count = number
        judged.cards[notebook] = judgement.card
        return nb, resources


class SaveAutoGrades(NbGraderPreprocessor):  # type: ignore[misc]
    """Writes the marks of a judged notebook, and what a person's marks in it are for."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        judged = judged_by(self)
        submission, notebook = judged.submission, resources["nbgrader"]["notebook"]
        course, assignment = submission.course, submission.assignment
        cells = {
            cell.metadata.nbgrader["grade_id"]: cell
            for cell in nb.cells
            if cell.metadata.get("nbgrader", {}).get("grade_id")
        }
        answers = {
            cell.grade_id: cells[cell.solution or cell.grade_id].source
            for cell in ordinary_cells(course, assignment, course.notebooks(assignment)[notebook])
        }
        answers |= {
            file.bonus.grade_id: file.digest for file in submission.jobs[notebook].bonus_files
        }
        forget_done(course, assignment, submission.student)  # until a whole submission is written
        untouched = [grade_id for grade_id, cell in cells.items() if _is_untouched(cell)]
        judged.cards[notebook] = write_marks(course, judged.cards[notebook], answers, untouched)
        return nb, resources


def _is_untouched(cell: NotebookNode) -> bool:
    checksum = cell.metadata.nbgrader.get("checksum")
    return checksum is not None and checksum == utils.compute_checksum(cell)
