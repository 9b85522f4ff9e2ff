"""How nbgrader reads a submission: through the kit's intake, whatever the file is."""

from __future__ import annotations

import functools
import glob
from datetime import datetime
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbgrader.converters import Autograde
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.autograde.converter import SubmissionConverter
from autograder.autograde.judged import JudgedSubmission
from autograder.autograde.timestamps import submitted_at
from autograder.course import Course, course_at, find_course
from autograder.course.bonus import announced
from autograder.course.walk import odd_files
from autograder.database import make_ready
from autograder.judge.submission import Submission, names_of_notebooks, read_submission
from autograder.sandbox import BoxSettings, check_wall


class SubmissionExporter(NotebookExporter):  # type: ignore[misc]
    """Reads submitted notebooks through the kit's intake, and refuses to exist without a box.

    nbgrader makes its exporter before it touches a submission or the gradebook, so where the wall
    cannot be built, grading stops with nothing changed. The exporter then tells nbgrader which
    notebooks there are (their files may have other names), and what of a submission not to open.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.optimistic_validation = True  # once, after all preprocessors; nbconvert's own setting
        # Remembered by its arguments, which a grading run gave it before.
        check_wall(None, BoxSettings(config=self.config).wall)
        self.judged: JudgedSubmission | None = None  # of which nbgrader wanted a notebook last
        converter = self.parent
        if isinstance(converter, SubmissionConverter):  # `autograder grade` has read and judged it
            self.judged = converter.judged
        if isinstance(converter, Autograde):
            course = course_at(Path(converter.coursedir.root))
            if self.judged is None:  # nbgrader takes away what was autograded before it fails
                make_ready(course)
            directory = converter.coursedir
            directory.get_existing_timestamp = functools.partial(self._submitted_at, course)
            # Files for bonus items are the judge's alone, and may have half a gigabyte.
            large = {
                glob.escape(bonus.file)
                for name in course.notebooks(directory.assignment_id)
                for bonus in announced(course, directory.assignment_id, name).values()
            }
            for folder in list(converter.assignments):
                if self.judged is None:
                    names = names_of_notebooks(course, directory.assignment_id, Path(folder))
                    converter.assignments[folder] = [f"{folder}/{name}.ipynb" for name in names]
                odd = {glob.escape(path.name) for path in odd_files(Path(folder))}
                directory.ignore = sorted({*directory.ignore, *odd, *large})

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **kwargs: Any
    ) -> tuple[str, dict[str, Any]]:
        """Read and convert one notebook; a damaged one becomes an empty one with a reason on it.

        nbgrader comes here twice for a notebook: for the submitted file, and for what its first pass
        has written of it.
        """
        about = (resources or {}).get("nbgrader", {})
        submission = self._submission(about["assignment"], about["student"])
        if Path(filename).parent.resolve() != submission.folder.resolve():
            second: tuple[str, dict[str, Any]] = super().from_filename(
                filename, resources, **kwargs
            )
            return second
        for odd in odd_files(submission.folder):
            # What a link points to may be anybody's: no copy of it stays.
            copied = submission.course.autograded(about["student"], about["assignment"])
            (copied / odd.relative_to(submission.folder)).unlink(missing_ok=True)
        read = submission.notebooks[about["notebook"]]
        for repaired in read.repairs:
            self.log.warning("%s, %s: %s", about["student"], about["notebook"], repaired)
        if read.unreadable:
            self.log.error("%s: not graded, %s", about["student"], read.unreadable)
        result: tuple[str, dict[str, Any]] = self.from_notebook_node(
            read.notebook, resources, **kwargs
        )
        return result

    def _submission(self, assignment: str, student: str) -> Submission:
        """The submission of which nbgrader wants a notebook: read once, before its first one."""
        judged = self.judged
        if judged is None or (judged.submission.assignment, judged.submission.student) != (
            assignment,
            student,
        ):
            course = course_at(find_course(Path.cwd()))
            folder = course.submitted(student, assignment)
            self.judged = judged = JudgedSubmission(
                read_submission(course, assignment, student, folder)
            )
        return judged.submission

    def _submitted_at(self, course: Course, folder: str) -> datetime | None:
        """When a folder was handed in, in the place of nbgrader's own reading; None where nobody can say."""
        when = submitted_at(course, Path(folder))
        said_by_the_run = isinstance(self.parent, SubmissionConverter)
        if when.doubt and not said_by_the_run and folder in self.parent.assignments:  # no copy
            self.log.warning("%s", when.note)
        return when.utc


def judged_by(preprocessor: NbGraderPreprocessor) -> JudgedSubmission:
    """The submission that a preprocessor of the exporter is at; nbconvert copies all that it hands on."""
    exporter = preprocessor.parent
    assert isinstance(exporter, SubmissionExporter)
    assert exporter.judged is not None
    return exporter.judged
