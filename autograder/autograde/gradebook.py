"""nbgrader's gradebook: the only place where marks of a class are kept.

Whatever is written is written in an `entry`: marks and the files that go with them (scorecards, digests
of answers) are kept together, or after a failure not at all. A grading run holds one gradebook open for
all its entries; nbgrader's own tools make an entry with a gradebook of its own each time.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from autograder.autograde.lock import claim
from autograder.course import Course, SourceNotebook
from autograder.database import (
    GradebookUnavailable,
    database_of,
    make_ready,
    naming_trouble,
)
from autograder.errors import KitError
from autograder.files import StagedFile


@contextmanager
def open_gradebook(course: Course) -> Iterator[Any]:
    """nbgrader's gradebook of the course, as a context manager.

    Raises:
        GradebookUnavailable: when another program holds it for longer than we wait, or its server is away.
    """
    with naming_trouble(course), _open(course) as book:
        yield book


def _open(course: Course) -> Any:
    from nbgrader.api import Gradebook

    make_ready(course)
    course_id = course.config.CourseDirectory.get("course_id", "")  # "" is nbgrader's default
    return Gradebook(database_of(course).url_with_waits, course_id)


class Entry:
    """What is being written of one submission."""

    def __init__(self, book: Any) -> None:
        self.book = book
        """nbgrader's gradebook; its own commits only take effect when the entry ends well."""
        self._files: list[StagedFile] = []

    def keep(self, file: StagedFile) -> None:
        """Put a file in its place once the marks are committed."""
        self._files.append(file)

    def put_files(self) -> None:
        while self._files:
            self._files.pop(0).put()

    def drop_files(self) -> None:
        for file in self._files:
            file.drop()


class _Session:
    """A gradebook held open, of which each entry is one transaction."""

    def __init__(self, course: Course) -> None:
        from sqlalchemy.orm import scoped_session, sessionmaker

        self._course = course
        self._book = _open(course)
        self._book.db.remove()
        self._connection = self._book.engine.connect()
        database_of(course).limit_waits(self._connection)
        # nbgrader commits after every step. Joined to a transaction of ours, its commits only flush.
        mode: Any = "rollback_only"
        self._book.db = scoped_session(
            sessionmaker(bind=self._connection, join_transaction_mode=mode)
        )
        self._entry: Entry | None = None

    @contextmanager
    def entry(self) -> Iterator[Entry]:
        if self._entry is not None:  # a step of a larger one
            yield self._entry
            return
        entry = self._entry = Entry(self._book)
        try:
            with naming_trouble(self._course), self._connection.begin(), _without_noise():
                yield entry
                self._book.db.commit()
            entry.put_files()
        finally:
            self._entry = None
            entry.drop_files()
            self._book.db.remove()  # what it knows of the rows: others write, too

    def claim(self) -> None:
        """Be the only run on this gradebook, also where another machine's folder has it, until `close`."""
        if database_of(self._course).on_server:
            with self._connection.begin():
                claim(self._connection)

    def close(self) -> None:
        self._book.db.remove()
        self._connection.close()
        self._book.close()


_sessions: dict[str, _Session] = {}  # of this process, by the gradebook's URL


@contextmanager
def held_open(course: Course, alone: bool = True) -> Iterator[None]:
    """Until this ends, the entries in a course's gradebook share one session.

    Args:
        alone: whether no other run may have one.

    Raises:
        KitError: when another run holds it on its server.
    """
    url = course.config.CourseDirectory.db_url
    with naming_trouble(course):
        session = _Session(course)
    try:
        if alone:
            with naming_trouble(course):
                session.claim()
        _sessions[url] = session
        yield
    finally:
        _sessions.pop(url, None)
        session.close()


@contextmanager
def entry(course: Course) -> Iterator[Entry]:
    """One transaction in a course's gradebook; within another entry, a part of that one."""
    held = _sessions.get(course.config.CourseDirectory.db_url)
    with naming_trouble(course):
        session = held or _Session(course)
    try:
        with session.entry() as made:
            yield made
    finally:
        if held is None:
            session.close()


@contextmanager
def _without_noise() -> Iterator[None]:
    """nbgrader's gradebook warns on every new submission, of something that does no harm.

    What goes wrong it prints with its traceback, to the terminal; it raises it as well, and we log that.
    """
    printer = logging.getLogger("tornado.application")
    was, printer.disabled = printer.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Object of type <.*> not in session")
            yield
    finally:
        printer.disabled = was


def describe(course: Course) -> str:
    """Which gradebook a course has, for its staff, once it has answered.

    Raises:
        KitError: when it does not, or was made by an older nbgrader.
    """
    database = database_of(course)
    with open_gradebook(course) as book:
        if not database.on_server:
            return database.shown
        version = ".".join(map(str, book.db.connection().dialect.server_version_info))
    text = f"{database.shown}, version {version}"
    if database.has_password:
        text += (
            ". Its password stands in c.CourseDirectory.db_url, which some of nbgrader's commands print: "
            "better put it into the file ~/.pgpass"
        )
    return text


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
            path = course.shown(course.source(assignment) / f"{name}.ipynb")
            if name not in known:  # it may have no grade cells by which that could be seen
                raise KitError(f"{path} is not among the notebooks that were released. {repair}")
            graded = (*known[name].grade_cells, *known[name].task_cells)
            cells = {cell.name: cell.max_score for cell in graded}
            wanted = {cell.grade_id: cell.max_score for cell in source.grade_cells}
            if cells != wanted:
                changed = sorted(
                    key for key in {*cells, *wanted} if cells.get(key) != wanted.get(key)
                )
                raise KitError(
                    f"{path} was changed after its release: "
                    f"{', '.join(changed)} differ in the gradebook. {repair}"
                )


def is_released(course: Course, assignment: str) -> bool:
    """Whether the assignment has been released as its source is now.

    Raises:
        GradebookUnavailable: when nobody can say.
    """
    if not course.release(assignment).is_dir():
        return False
    try:
        check_released(course, assignment, course.notebooks(assignment))
    except GradebookUnavailable:
        raise
    except KitError:
        return False
    return True


def submissions(course: Course, assignment: str) -> tuple[str, dict[str, str]]:
    """When an assignment is due, and the extensions of those who have a row for a submission, all as text."""
    from nbgrader.api import Assignment, SubmittedAssignment

    with open_gradebook(course) as book:
        rows = (
            book.db.query(SubmittedAssignment.student_id, SubmittedAssignment.extension)
            .join(SubmittedAssignment.assignment)
            .filter(Assignment.name == assignment)
        )
        extensions = {student: str(extension) for student, extension in rows}
        return str(book.find_assignment(assignment).duedate), extensions


def create_submission(course: Course, assignment: str, student: str) -> None:
    """A row for a submission without any notebook."""
    with entry(course) as writing:
        writing.book.update_or_create_student(student)
        writing.book.update_or_create_submission(assignment, student)


def marks(course: Course, assignment: str) -> dict[tuple[str, str, str], float | None]:
    """The marks as they stand, with those given by hand, by student, notebook and grade_id.

    None where a mark is still open.
    """
    from nbgrader.api import Grade

    still_open = Grade.manual_score.is_(None) & Grade.auto_score.is_(None)
    with open_gradebook(course) as book:
        return {
            (student, notebook, name): None if is_open else float(score)
            for student, notebook, name, score, is_open in rows_of(
                book, assignment, Grade, Grade.score, still_open
            )
        }


def rows_of(book: Any, assignment: str, table: Any, *values: Any) -> Any:
    """A query for what a table, nbgrader's `Grade` or `Comment`, has on an assignment's submissions.

    Returns:
        rows of student, notebook, grade_id and the values; it can be filtered and ordered by them.
    """
    from nbgrader.api import Assignment, BaseCell, Notebook, SubmittedAssignment, SubmittedNotebook

    where = (SubmittedAssignment.student_id, Notebook.name, BaseCell.name)
    return (
        book.db.query(*where, *values)
        .select_from(table)
        .join(table.cell)
        .join(table.notebook)
        .join(SubmittedNotebook.notebook)
        .join(SubmittedNotebook.assignment)
        .join(SubmittedAssignment.assignment)
        .filter(Assignment.name == assignment)
    )


def waits() -> Any:
    """Whether a person must mark an item that nobody has marked, as a column."""
    from nbgrader.api import Grade

    return Grade.needs_manual_grade & Grade.manual_score.is_(None)


def rows_of_notebook(
    book: Any, notebook: str, assignment: str, student: str
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """A submitted notebook, its grades and its comments by their cells' names, in three queries."""
    from nbgrader.api import Comment, Grade
    from sqlalchemy.orm import joinedload, undefer

    submitted = book.find_submission_notebook(notebook, assignment, student)
    grades = book.db.query(Grade).options(joinedload(Grade.cell), undefer(Grade.max_score))
    comments = book.db.query(Comment).options(joinedload(Comment.cell))
    return (
        submitted,
        {row.name: row for row in grades.filter(Grade.notebook_id == submitted.id)},
        {row.name: row for row in comments.filter(Comment.notebook_id == submitted.id)},
    )


def names(course: Course) -> dict[str, str]:
    """The students' names by their ids, as far as the gradebook has them."""
    with open_gradebook(course) as book:
        return {
            student.id: " ".join(part for part in (student.first_name, student.last_name) if part)
            for student in book.students
        }
