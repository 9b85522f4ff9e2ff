"""Which pages of feedback are there and would come out the same.

What a student's pages depend on is kept as a digest: the rows of the gradebook, the autograded notebooks, the
scorecards and what was handed in (these by size and time), the course's configuration and the kit.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import autograder
from autograder.autograde import gradebook
from autograder.autograde.overview import overview_link
from autograder.autograde.records import cards_of
from autograder.course import Course
from autograder.digest import content_of, digest, files_in
from autograder.files import StagedFile

_ROOMS = (
    "report",
    "clean",
    "autograde",
    "nbgrader_plugin",
    "course",
    "scorecard.py",
    "checks.py",
)  # what makes a page


class PagesKept:
    """The pages of an assignment's students, as they are when this is made."""

    def __init__(self, course: Course, assignment: str) -> None:
        self._course, self._assignment = course, assignment
        self._path = course.make_records() / "feedback" / f"{assignment}.json"
        self._kept: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError):
            self._kept = dict(json.loads(self._path.read_text()))
        self._overview = overview_link(course, assignment).href
        common = _common(course, assignment)
        self._keys = {
            student: digest(common, repr(rows), *self._files(student))
            for student, rows in _rows(course, assignment).items()
        }
        self._before = {page: _stat(page) for name in self._keys for page in self._pages(name)}

    def current(self) -> set[str]:
        """The students whose pages need not be made."""
        return {name for name, key in self._keys.items() if self._is_kept(name, key)}

    def note(self) -> None:
        """Keep whose pages were made since."""
        made = {name: key for name, key in self._keys.items() if self._is_new(name)}
        if made:
            StagedFile(self._path, json.dumps({**self._kept, **made})).put()

    def _is_kept(self, student: str, key: str) -> bool:
        pages = self._pages(student)
        return self._kept.get(student) == key and all(map(self._before.get, pages))

    def _is_new(self, student: str) -> bool:
        """Whether all pages of a student are others than before; a run may have ended early."""
        now = {page: _stat(page) for page in self._pages(student)}
        return bool(now) and all(stat and stat != self._before[page] for page, stat in now.items())

    def _pages(self, student: str) -> list[Path]:
        folder = self._course.feedback(student, self._assignment)
        autograded = self._course.autograded(student, self._assignment)
        names = [f"{path.stem}.html" for path in autograded.glob("*.ipynb")]
        return [folder / name for name in (*names, self._overview)] if names else []

    def _files(self, student: str) -> Iterator[str]:
        places: list[Iterable[Path]] = [
            self._course.autograded(student, self._assignment).glob("*.ipynb"),
            cards_of(self._course, self._assignment, student),
            self._course.submitted(student, self._assignment).glob("*"),
        ]
        for place in places:
            yield json.dumps([(path.name, _stat(path)) for path in sorted(place)])


def _stat(path: Path) -> str:
    """Size and time of a file; nothing where there is none."""
    with contextlib.suppress(OSError):
        status = path.lstat()
        return f"{status.st_size} {status.st_mtime_ns}"
    return ""


def _common(course: Course, assignment: str) -> str:
    """What all pages of an assignment depend on."""
    root = Path(autograder.__file__).parent
    kit = content_of(root, [path for room in _ROOMS for path in files_in(root / room)])
    source = course.source(assignment)
    config = re.sub(r" at 0x[0-9a-f]+", "", repr(course.config))
    return digest(kit, content_of(source, files_in(source)), config)


def _rows(course: Course, assignment: str) -> dict[str, list[tuple[object, ...]]]:
    """What the gradebook has of an assignment, by student."""
    from nbgrader.api import Assignment, BaseCell, Comment, Grade, Notebook, SubmittedAssignment
    from nbgrader.api import SubmittedNotebook as Submitted

    found: dict[str, list[tuple[object, ...]]] = defaultdict(list)
    columns = {
        Grade: (Grade.auto_score, Grade.manual_score, Grade.extra_credit, Grade.needs_manual_grade),
        Comment: (Comment.auto_comment, Comment.manual_comment),
    }
    with gradebook.open_gradebook(course) as book:
        submitted = (
            book.db.query(
                SubmittedAssignment.student_id,
                SubmittedAssignment.timestamp,
                SubmittedAssignment.extension,
                Notebook.name,
                Submitted.late_submission_penalty,
            )
            .join(SubmittedAssignment.notebooks)
            .join(Submitted.notebook)
            .join(SubmittedAssignment.assignment)
            .filter(Assignment.name == assignment)
        )
        for name, *row in submitted.order_by(Notebook.name):
            found[name].append(tuple(row))
        for table, values in columns.items():
            rows = gradebook.rows_of(book, assignment, table, *values)
            for name, *row in rows.order_by(Notebook.name, BaseCell.name):
                found[name].append(tuple(row))
    return found
