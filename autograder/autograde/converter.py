"""nbgrader's autograde for one submission of a run: in one pass, and within one entry of the gradebook.

The exporter, the preprocessors and the hooks are those of `course_config.py`, as for `nbgrader
autograde`. What differs is around them: nbgrader opens the gradebook nine times for a notebook, reads
and writes each notebook twice, and keeps the causes of failures to its log.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from nbgrader import utils
from nbgrader.converters import Autograde
from nbgrader.converters.base import BaseConverter
from nbgrader.coursedir import CourseDirectory

from autograder.autograde import gradebook
from autograder.course import Course
from autograder.judge.submission import ReadNotebook


def convert(course: Course, assignment: str, student: str, taken: dict[str, ReadNotebook]) -> None:
    """Write a submission's marks, scorecards and autograded notebooks.

    Args:
        taken: the notebooks as they were taken in, by name; they are not read again.

    Raises:
        Exception: whatever went wrong. Nothing of the submission is in the gradebook or in
            `autograded/` then.
    """
    log = logging.getLogger("autograder.nbgrader")
    directory = CourseDirectory(config=course.config)
    directory.student_id = student
    directory.assignment_id = assignment
    directory.log = log
    converter = _OneHandIn(coursedir=directory, config=course.config)
    converter.log = log
    converter.course = course
    converter.taken = taken
    with gradebook.entry(course):
        converter.start()


class _OneHandIn(Autograde):  # type: ignore[misc]
    course: Course
    taken: dict[str, ReadNotebook]  # the exporter takes them from here

    def init_notebooks(self) -> None:
        folder = self._format_source(self.coursedir.assignment_id, self.coursedir.student_id)
        self.assignments = {folder: [f"{folder}/{name}.ipynb" for name in self.taken]}

    def convert_notebooks(self) -> None:
        where = (self.coursedir.assignment_id, self.coursedir.student_id)
        (self.notebooks,) = self.assignments.values()
        autograded = Path(self._format_dest(*where))
        shutil.rmtree(autograded, ignore_errors=True)
        try:
            self.run_pre_convert_hook()
            self.init_assignment(*where)
            for notebook in self.notebooks:
                self.convert_single_notebook(notebook)
            self.set_permissions(*where)
            self.run_post_convert_hook()
        except BaseException as error:
            shutil.rmtree(autograded, ignore_errors=True)
            if isinstance(error, OSError) and error.filename is None:  # as when a write fails
                error.filename = str(autograded)
            raise

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        BaseConverter.init_assignment(
            self, assignment_id, student_id
        )  # the submission's other files
        timestamp = self.coursedir.get_existing_timestamp(
            self._format_source(assignment_id, student_id)
        )
        with gradebook.entry(self.course) as writing:
            if self.create_student:
                writing.book.update_or_create_student(student_id)
            when = {"timestamp": timestamp} if timestamp else {}
            writing.book.update_or_create_submission(assignment_id, student_id, **when)
        self._copy_course_files(assignment_id, student_id)

    def _copy_course_files(self, assignment_id: str, student_id: str) -> None:
        """What the course gives along with its notebooks wins over what was handed in."""
        directory = self.coursedir
        source = directory.format_path(directory.source_directory, ".", assignment_id)
        theirs = {f"{source}/{name}" for name in self.exclude_overwriting.get(assignment_id, [])}
        target = Path(self._format_dest(assignment_id, student_id))
        for path in utils.find_all_files(source, [*directory.ignore, "*.ipynb"]):
            if path not in theirs:
                copy = target / os.path.relpath(path, source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.unlink(missing_ok=True)
                shutil.copy(path, copy)

    def convert_single_notebook(self, notebook_filename: str) -> None:
        self.exporter._preprocessors = []  # as nbgrader does between its two passes
        for preprocessor in (*self.sanitize_preprocessors, *self.autograde_preprocessors):
            self.exporter.register_preprocessor(preprocessor)
        with utils.setenv(NBGRADER_EXECUTION="autograde"):
            BaseConverter.convert_single_notebook(self, notebook_filename)
