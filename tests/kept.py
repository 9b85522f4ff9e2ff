"""What grading keeps of a class: rows of the gradebook, a person's marks among them, and files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from autograder.autograde import gradebook
from autograder.course import Course, load_course

# The note `graded` is there only for submissions that need nobody, `nbgrader autograde` writes none.
_CARDS = ("*.json", "*.answers")
_OTHER = re.compile(  # the folder of a file in a traceback, of one course or the other; time by the clock
    rb'(?<=File \\")[^"]*/|(?<="seconds": )[\d.]+'
)


def rows(root: Path, assignment: str = "tiny") -> dict[tuple[str, ...], tuple[Any, ...]]:
    """What the gradebook knows of every submission, without the ids that it makes up."""
    found: dict[tuple[str, ...], tuple[Any, ...]] = {}
    with gradebook.open_gradebook(load_course(root)) as book:
        for submission in book.assignment_submissions(assignment):
            student = submission.student.id
            found[student,] = (submission.timestamp, submission.score, submission.extension)
            for notebook in submission.notebooks:
                where = (student, notebook.name)
                found[where] = (notebook.late_submission_penalty, notebook.flagged)
                for grade in notebook.grades:
                    marks = (grade.auto_score, grade.manual_score, grade.extra_credit)
                    found[*where, "grade", grade.name] = (*marks, grade.needs_manual_grade)
                for comment in notebook.comments:
                    texts = (comment.auto_comment, comment.manual_comment)
                    found[*where, "comment", comment.name] = texts
    return found


def grades(course: Course, student: str) -> dict[str, tuple[Any, Any, bool]]:
    """A student's items: the automatic mark, a person's, and whether a person is waited for."""
    with gradebook.open_gradebook(course) as book:
        return {
            grade.name: (grade.auto_score, grade.manual_score, grade.needs_manual_grade)
            for notebook in book.find_submission("tiny", student).notebooks
            for grade in notebook.grades
        }


def automatic(course: Course, student: str) -> dict[str, Any]:
    """A student's automatic marks."""
    return {name: row[0] for name, row in grades(course, student).items()}


def mark(course: Course, student: str, **points: float) -> None:
    """Give marks by hand."""
    with gradebook.open_gradebook(course) as book:
        for name, score in points.items():
            grade = book.find_grade(name, "tiny", "tiny", student)
            grade.manual_score, grade.needs_manual_grade = score, False
        book.db.commit()


def files(root: Path) -> dict[str, tuple[bytes, int]]:
    """The scorecards, the digests of answers and the autograded files, with their permissions."""
    cards = [path for form in _CARDS for path in (root / "records/scorecards").rglob(form)]
    autograded = [path for path in (root / "autograded").rglob("*") if path.is_file()]
    return {
        str(path.relative_to(root)): (_OTHER.sub(b"", path.read_bytes()), path.stat().st_mode)
        for path in (*cards, *autograded)
    }


def everything(root: Path) -> dict[Any, Any]:
    return {**rows(root), **files(root)}


def differences(one: dict[Any, Any], other: dict[Any, Any]) -> list[str]:
    """What is not the same in two classes, a line each, short enough to read."""
    keys = sorted({*one, *other}, key=str)
    return [
        f"{key}: {str(one.get(key))[:300]} / {str(other.get(key))[:300]}"
        for key in keys
        if one.get(key) != other.get(key)
    ]
