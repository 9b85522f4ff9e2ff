"""nbgrader's gradebook: the only place where marks of a class are kept.

Marks of judged notebooks come in through nbgrader's own converter, whose preprocessors
`course_config.py` names. What the converter has no notebook for is written here.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from autograder.course import Course, SourceNotebook
from autograder.errors import KitError
from autograder.scorecard import Scorecard


def open_gradebook(course: Course) -> Any:
    """nbgrader's gradebook of the course, as a context manager."""
    from nbgrader.api import Gradebook

    return Gradebook(course.config.CourseDirectory.db_url, course.config.CourseDirectory.course_id)


@contextmanager
def _without_noise() -> Iterator[None]:
    """nbgrader's gradebook warns on every new hand-in, of something that does no harm."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Object of type <.*> not in session")
        yield


def check_released(course: Course, assignment: str, sources: Mapping[str, SourceNotebook]) -> None:
    """Refuse to grade when the gradebook does not know the assignment as its source is now.

    Raises:
        KitError: naming the difference and the repair.
    """
    from nbgrader.api import MissingEntry

    repair = f"Run `autograder release {assignment}`."
    with open_gradebook(course) as book:
        try:
            known = {
                notebook.name: notebook for notebook in book.find_assignment(assignment).notebooks
            }
        except MissingEntry:
            raise KitError(
                f"`{assignment}` has not been released: the gradebook does not know it. {repair}"
            ) from None
        for name, source in sources.items():
            cells = (
                {cell.name: cell.max_score for cell in known[name].grade_cells}
                if name in known
                else {}
            )
            wanted = {cell.grade_id: cell.max_score for cell in source.grade_cells}
            if cells != wanted:
                changed = sorted(
                    key for key in {*cells, *wanted} if cells.get(key) != wanted.get(key)
                )
                raise KitError(
                    f"source/{assignment}/{name}.ipynb was changed after its release: "
                    f"{', '.join(changed)} differ in the gradebook. {repair}"
                )


class _LastError(logging.Handler):
    """Keeps the last line of the last traceback: nbgrader logs a cause, and then raises without it."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage().strip()
        if message.startswith("Traceback"):
            self.text = message.splitlines()[-1]


def run_nbgrader(course: Course, assignment: str, student: str, notebooks: list[str]) -> None:
    """nbgrader's autograde for one hand-in, in this process.

    Args:
        notebooks: those to convert. Their files may have other names: the exporter finds them.

    Raises:
        KitError: when it stopped, with the cause.
    """
    from nbgrader.converters import Autograde
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory

    class AutogradeThese(Autograde):  # type: ignore[misc]
        def init_notebooks(self) -> None:
            folder = str(course.submitted(student, assignment))
            self.assignments = {folder: [f"{folder}/{name}.ipynb" for name in notebooks]}

    directory = CourseDirectory(config=course.config)
    directory.student_id = student
    directory.assignment_id = assignment
    log = logging.getLogger("autograder.nbgrader")
    directory.log = log
    converter = AutogradeThese(coursedir=directory, config=course.config)
    converter.log = log
    converter.force = True
    cause = _LastError()
    log.addHandler(cause)
    try:
        with _without_noise():
            converter.start()
    except NbGraderException as error:
        raise KitError(cause.text or str(error)) from error
    finally:
        log.removeHandler(cause)


def create_submission(course: Course, assignment: str, student: str) -> None:
    """A row for a hand-in without any notebook."""
    with open_gradebook(course) as book, _without_noise():
        book.update_or_create_student(student)
        book.update_or_create_submission(assignment, student)


def save_card(course: Course, card: Scorecard, stale: Collection[str]) -> Scorecard:
    """The marks of notebooks that nbgrader's converter has not seen; manual marks stay.

    Args:
        stale: the items whose manual marks were for an older hand-in; these go.

    Returns:
        the card, on which it is said which marks went.
    """
    said = []
    with open_gradebook(course) as book:
        for notebook in card.notebooks:
            for item in notebook.items:
                grade = book.find_grade(item.grade_id, notebook.name, card.assignment, card.student)
                said += take_back(grade, stale)
                grade.auto_score = item.score
                grade.needs_manual_grade = item.score is None or grade.manual_score is not None
        book.db.commit()
    return card.with_repairs(said)


def take_back(grade: Any, stale: Collection[str]) -> list[str]:
    """Drop a mark that a person gave to an older hand-in, and say so."""
    if grade.manual_score is None or grade.name not in stale:
        return []
    mark, grade.manual_score = grade.manual_score, None
    return [
        f"`{grade.name}` had {mark:g} points by hand, for an older hand-in; they were taken back"
    ]


def withdraw(course: Course, assignment: str, student: str) -> None:
    """After a failure of ours: no automatic mark, and every item waits for a person."""
    with open_gradebook(course) as book, _without_noise():
        book.update_or_create_student(student)
        submission = book.update_or_create_submission(assignment, student)
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                grade.auto_score = None
                grade.needs_manual_grade = True
        book.db.commit()


def marks(course: Course, assignment: str) -> dict[tuple[str, str, str], float | None]:
    """The marks as they stand, with those given by hand, by student, notebook and grade_id.

    None where a mark is still open.
    """
    found: dict[tuple[str, str, str], float | None] = {}
    with open_gradebook(course) as book:
        for submission in book.assignment_submissions(assignment):
            for notebook in submission.notebooks:
                for grade in notebook.grades:
                    open_mark = grade.manual_score is None and grade.auto_score is None
                    key = (submission.student.id, notebook.name, grade.name)
                    found[key] = None if open_mark else float(grade.score)
    return found
