"""The preprocessors that make and keep the marks, in the place of nbgrader's Execute and SaveAutoGrades."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.autograde.marks import write_marks
from autograder.autograde.records import forget_done
from autograder.course.attachments import words_and_pictures
from autograder.course.bonus import ordinary_cells
from autograder.course.cells import grade_id_of
from autograder.course.claims import is_locked
from autograder.course.own_work import own_work
from autograder.judge.handed_in import with_handed_in
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
        shown = with_handed_in(judged.submission, notebook, judgement.outputs)
        for number, (cell, outputs) in enumerate(zip(code, shown, strict=True), 1):
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
        source = course.notebooks(assignment)[notebook]
        answers: dict[str, str] = {}  # what a mark that a person gives is for
        untouched: list[str] = []
        cells = {grade_id: cell for cell in nb.cells if (grade_id := grade_id_of(cell))}
        for cell in ordinary_cells(course, assignment, source):
            solution = cells[cell.solution or cell.grade_id]
            beside = own_work(nb.cells, source, cell.grade_id) if cell.manual else []
            if not beside and _is_untouched(cells[cell.grade_id]):
                untouched.append(cell.grade_id)
            # A locked cell's text is the course's, with the mark scheme that staff may change.
            parts = beside if is_locked(solution) else [solution, *beside]
            answers[cell.grade_id] = "\n".join(map(words_and_pictures, parts))
        answers |= {
            file.bonus.grade_id: file.digest for file in submission.jobs[notebook].bonus_files
        }
        forget_done(course, assignment, submission.student)  # until a whole submission is written
        # What cannot be read may be the same work that a person has marked, half copied.
        known = None if submission.notebooks[notebook].unreadable else answers
        judged.cards[notebook] = write_marks(course, judged.cards[notebook], known, untouched)
        return nb, resources


def _is_untouched(cell: NotebookNode) -> bool:
    """Whether it is as it was released where a student's answer should be; a given cell always is."""
    checksum = cell.metadata.nbgrader.get("checksum")
    return not is_locked(cell) and checksum is not None and checksum == utils.compute_checksum(cell)
