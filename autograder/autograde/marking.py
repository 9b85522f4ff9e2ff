"""Marks that people give: the answers to one question of an assignment, and a mark on one of them.

The same rows of nbgrader's gradebook as its formgrader writes: `manual_score`, `needs_manual_grade` and
`manual_comment`. What is shown comes from the autograded notebooks, as in the formgrader.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.autograde import gradebook
from autograder.autograde.model_answers import ModelAnswer, model_answer
from autograder.clean import PICTURES
from autograder.course import Course, SourceNotebook
from autograder.course.cells import grade_id_of
from autograder.course.own_work import own_work
from autograder.digest import digest
from autograder.errors import KitError


class Outdated(KitError):
    """The answer is another one than the person who marks it has seen."""


@dataclass(frozen=True)
class Question:
    """An item that a person marks."""

    notebook: str
    grade_id: str
    max_score: float
    model: ModelAnswer


@dataclass(frozen=True)
class Answer:
    """What one student wrote to a question, and the mark as it stands."""

    student: str
    cells: tuple[NotebookNode, ...]  # with the student's own cells beside it
    score: float | None  # None while it waits
    comment: str
    key: str  # of its text: a mark is for this text
    pictures: tuple[NotebookNode, ...] = ()  # the cells above it that drew some


def questions(course: Course, assignment: str) -> list[Question]:
    """The items of an assignment that people mark, in its order."""
    return [
        Question(source.name, cell.grade_id, cell.max_score, model_answer(source, cell.grade_id))
        for source in course.notebooks(assignment).values()
        for cell in source.grade_cells
        if cell.manual
    ]


def answers(course: Course, assignment: str, question: Question) -> list[Answer]:
    """All answers to a question that are autograded, in the order of a digest.

    It is the same each time, goes by no name, and is another one for each question.
    """
    source = course.notebooks(assignment)[question.notebook]
    found = []
    for student, (score, comment) in _rows(course, assignment, question).items():
        cells = _cells(course, assignment, student, source, question.grade_id)
        if cells is not None:
            answer, pictures = cells
            found.append(Answer(student, answer, score, comment, _key(answer), pictures))
    return sorted(found, key=lambda answer: digest(question.grade_id, answer.student))


def set_mark(
    course: Course,
    assignment: str,
    question: Question,
    student: str,
    key: str,
    score: float | None,
    comment: str,
) -> None:
    """Write a mark and a comment, as nbgrader's formgrader does; None takes the mark back.

    Raises:
        Outdated: when the answer is not the one with this key any more.
        KitError: when there is no such answer, or the mark is no number from 0 to the question's points.
    """
    if score is not None and not (math.isfinite(score) and 0 <= score <= question.max_score):
        raise KitError(f"A mark for {question.grade_id} is from 0 to {question.max_score:g}.")
    source = course.notebooks(assignment)[question.notebook]
    cells = _cells(course, assignment, student, source, question.grade_id)
    if cells is None:
        raise KitError(f"There is no answer of {student} to {question.grade_id}.")
    if _key(cells[0]) != key:
        raise Outdated(f"{student} has another answer by now. Load the page again.")
    where = (question.grade_id, question.notebook, assignment, student)
    with gradebook.entry(course) as writing:
        grade = writing.book.find_grade(*where)
        grade.manual_score = score
        grade.needs_manual_grade = grade.manual_score is None and grade.auto_score is None
        writing.book.find_comment(*where).manual_comment = comment.strip() or None
        writing.book.db.commit()


def _rows(
    course: Course, assignment: str, question: Question
) -> Mapping[str, tuple[float | None, str]]:
    """Mark and comment by student, in two questions to the gradebook: a class is a thousand of them."""
    from nbgrader.api import BaseCell, Comment, Grade, Notebook

    about = (Notebook.name == question.notebook, BaseCell.name == question.grade_id)
    with gradebook.open_gradebook(course) as book:
        comments = gradebook.rows_of(book, assignment, Comment, Comment.manual_comment)
        said = {student: comment for student, *_, comment in comments.filter(*about)}
        grades = gradebook.rows_of(book, assignment, Grade, Grade.score, gradebook.waits())
        return {
            student: (None if waits else float(score), said[student] or "")
            for student, *_, score, waits in grades.filter(*about)
            if student in said
        }


def _cells(
    course: Course, assignment: str, student: str, source: SourceNotebook, grade_id: str
) -> tuple[tuple[NotebookNode, ...], tuple[NotebookNode, ...]] | None:
    """The cells of an answer as they were autograded, and those with pictures above; None where none are."""
    path = course.autograded(student, assignment) / f"{source.name}.ipynb"
    try:
        notebook = nbformat.read(path, as_version=4)
        cells = notebook.cells
        place = next(n for n, cell in enumerate(cells) if grade_id_of(cell) == grade_id)
    except (OSError, ValueError, StopIteration):
        return None
    answer = (cells[place], *own_work(cells, source, grade_id))
    above = (
        cell for cell in _since_points(cells[:place]) if not any(cell is own for own in answer)
    )
    drawn = [cell for cell in above if _draws(cell)]
    return answer, tuple(drawn[::-1])


def _since_points(above: list[NotebookNode]) -> Iterator[NotebookNode]:
    """The cells above an answer, the nearest first, up to one with points: these the answer may be about."""
    for cell in reversed(above):
        about = cell.metadata.get("nbgrader", {})
        if about.get("grade") and about.get("points"):
            return
        yield cell


def _draws(cell: NotebookNode) -> bool:
    return any(set(output.get("data", {})) & {*PICTURES} for output in cell.get("outputs", []))


def _key(cells: tuple[NotebookNode, ...]) -> str:
    sources = (part for cell in cells for part in (cell.cell_type, str(cell.source)))
    attached: Any = [sorted(cell.get("attachments") or {}) for cell in cells]
    return digest(*sources, json.dumps(attached))[:24]
