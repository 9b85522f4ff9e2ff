"""What staff alone read on the formgrader's page: model answers, rubrics, and why nothing was graded.

Nothing of it is in the autograded notebook: it is put in each time that the page is shown.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode, v4

from autograder.autograde.model_answers import ModelAnswer, model_answer
from autograder.autograde.records import load_card
from autograder.course import Course, course_at
from autograder.course.cells import grade_id_of
from autograder.errors import KitError
from autograder.scorecard import NotebookCard, Verdict

_MOST_OF_REASON = 2000  # characters


class StaffNotes(Preprocessor):  # type: ignore[misc]
    """Puts staff's notes above the cells that they are on; the preprocessors after it clean them, too."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        about = [resources.get(key) for key in ("assignment_id", "notebook_id", "student")]
        root = self.config.CourseDirectory.get("root")
        if root and all(isinstance(value, str) for value in about):
            try:
                notes = _notes(course_at(Path(root)), *map(str, about))
            except KitError as error:  # the page is of use without them
                notes = {"": _reason("Notes for staff could not be made", str(error))}
            nb.cells = list(_with_notes(nb.cells, notes))
        return nb, resources


def _with_notes(cells: list[NotebookNode], notes: dict[str, str]) -> Iterator[NotebookNode]:
    """The cells, each with its note above it; the note on the whole notebook comes first."""
    for grade_id, cell in [("", None), *((grade_id_of(cell) or "no id", cell) for cell in cells)]:
        if grade_id in notes:
            yield v4.new_markdown_cell(notes.pop(grade_id))
        if cell is not None:
            yield cell


def _notes(course: Course, assignment: str, notebook: str, student: str) -> dict[str, str]:
    """Markdown by grade_id; by "" what is on all of the notebook."""
    source = course.notebooks(assignment).get(notebook)
    if source is None:
        return {}
    card = load_card(course, assignment, student)
    parts = card.notebooks if card else ()
    notes = _ungraded(next((part for part in parts if part.name == notebook), None))
    for cell in source.grade_cells:
        if cell.manual:
            notes[cell.grade_id] = _model(model_answer(source, cell.grade_id))
    return {grade_id: text for grade_id, text in notes.items() if text}


def _ungraded(card: NotebookCard | None) -> dict[str, str]:
    if card is None:
        return {}
    notes = {"": _reason("Not graded", card.reason) if card.reason else ""}
    for item in card.items:
        if item.verdict is Verdict.UNGRADED:
            said = next((c.staff_detail for c in item.checks if c.verdict is Verdict.UNGRADED), "")
            last = (said.strip().splitlines() or [""])[-1]
            same = not last or (card.reason is not None and last in card.reason)
            notes[item.grade_id] = _reason(
                "Not graded", "the reason stands above, at the top" if same else last
            )
    return notes


def _reason(what: str, why: str) -> str:
    # On one line: an empty one would end the HTML, and the rest would be read as markdown.
    words = " ".join(why.split())[:_MOST_OF_REASON]
    return f"<blockquote><b>For staff. {html.escape(what)}:</b> {html.escape(words)}</blockquote>"


def _model(known: ModelAnswer) -> str:
    answer = f"```python\n{known.answer}\n```" if known.is_code else known.answer
    rubric = f"**Rubric.** {known.rubric}" if known.rubric else ""
    text = "\n\n".join(part for part in (answer, rubric) if part)
    if not text:
        return ""
    return f"<details><summary>For staff: model answer and rubric</summary>\n\n{text}\n\n</details>"
