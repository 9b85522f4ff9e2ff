"""nbgrader's autograde for one submission of a run: in one pass, and within one entry of the gradebook.

The exporter, the preprocessors and the hooks are those of `course_config.py`, as for `nbgrader
autograde`. What differs is around them: nbgrader opens the gradebook nine times for a notebook, reads
and writes each notebook twice, and keeps the causes of failures to its log.
"""

from __future__ import annotations

import fnmatch
import logging
import os
import shutil
from pathlib import Path

from nbgrader import utils
from nbgrader.converters import Autograde
from nbgrader.converters.base import BaseConverter
from nbgrader.coursedir import CourseDirectory

from autograder.autograde import gradebook
from autograder.autograde.judged import JudgedSubmission
from autograder.course.reading import Unreadable, read_regular
from autograder.course.walk import Entry, list_folder

_MAX_COPIED, _MAX_COPIED_MIB = 2000, 256


def convert(judged: JudgedSubmission) -> None:
    """Write a submission's marks, scorecards and autograded notebooks.

    Raises:
        Exception: whatever went wrong. Nothing of the submission is in the gradebook or in
            `autograded/` then.
    """
    course = judged.submission.course
    log = logging.getLogger("autograder.nbgrader")
    directory = CourseDirectory(config=course.config)
    directory.student_id = judged.submission.student
    directory.assignment_id = judged.submission.assignment
    directory.log = log
    converter = SubmissionConverter(coursedir=directory, config=course.config)
    converter.log = log
    converter.judged = judged
    with gradebook.entry(course):
        converter.start()


class SubmissionConverter(Autograde):  # type: ignore[misc]
    """nbgrader's converter for one submission that was read and judged before."""

    judged: JudgedSubmission  # the exporter and the preprocessors take it from here

    def init_notebooks(self) -> None:
        folder = self._format_source(self.coursedir.assignment_id, self.coursedir.student_id)
        self.assignments = {
            folder: [f"{folder}/{name}.ipynb" for name in self.judged.submission.notebooks]
        }

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
        self._copy_own_files(assignment_id, student_id)
        timestamp = self.coursedir.get_existing_timestamp(
            self._format_source(assignment_id, student_id)
        )
        with gradebook.entry(self.judged.submission.course) as writing:
            if self.create_student:
                writing.book.update_or_create_student(student_id)
            when = {"timestamp": timestamp} if timestamp else {}
            writing.book.update_or_create_submission(assignment_id, student_id, **when)
        self._copy_course_files(assignment_id, student_id)

    def _copy_own_files(self, assignment_id: str, student_id: str) -> None:
        """The submission's other files, as nbgrader copies them, but within limits.

        For every file nbgrader looks through its folder once for every name that is to be ignored, which
        takes minutes where thousands lie in one.
        """
        source = Path(self._format_source(assignment_id, student_id))
        target = Path(self._format_dest(assignment_id, student_id))
        left = _MAX_COPIED_MIB * 2**20
        listing = list_folder(source)
        timestamp = Entry("timestamp.txt", "file")
        for entry in (timestamp, *listing.files[:_MAX_COPIED]):
            ignored = any(
                fnmatch.fnmatch(part, pattern)
                for part in entry.place.split("/")
                for pattern in (*self.coursedir.ignore, "*.ipynb")
            )
            if ignored or entry.size > left:
                continue
            try:
                content = read_regular(listing.path(entry), left)
            except (Unreadable, OSError):  # it is not there any more, or something else now
                continue
            left -= len(content)
            copy = target / entry.place
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)

    def _copy_course_files(self, assignment_id: str, student_id: str) -> None:
        """What the course gives along with its notebooks wins over what was handed in."""
        directory = self.coursedir
        source = directory.format_path(directory.source_directory, ".", assignment_id)
        theirs = {f"{source}/{name}" for name in self.exclude_overwriting.get(assignment_id, [])}
        target = Path(self._format_dest(assignment_id, student_id))
        # Not `directory.ignore`: the exporter has added what a submission's own odd files are called.
        ignore = CourseDirectory(config=self.config).ignore
        for path in utils.find_all_files(source, [*ignore, "*.ipynb"]):
            if path not in theirs:
                copy = target / os.path.relpath(path, source)
                _make_way(copy, target)
                shutil.copy(path, copy)

    def convert_single_notebook(self, notebook_filename: str) -> None:
        self.exporter._preprocessors = []  # as nbgrader does between its two passes
        for preprocessor in (*self.sanitize_preprocessors, *self.autograde_preprocessors):
            self.exporter.register_preprocessor(preprocessor)
        with utils.setenv(NBGRADER_EXECUTION="autograde"):
            BaseConverter.convert_single_notebook(self, notebook_filename)


def _make_way(path: Path, top: Path) -> None:
    """Take away what stands where a file is to be: also a folder, or a file where its folder is to be."""
    for parent in reversed(path.relative_to(top).parents[:-1]):
        if not (top / parent).is_dir():
            (top / parent).unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
