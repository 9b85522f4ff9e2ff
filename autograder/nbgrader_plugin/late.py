"""nbgrader's AssignLatePenalties, at each moment at which a mark is made or goes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin
from nbgrader.preprocessors import AssignLatePenalties, NbGraderPreprocessor

from autograder.autograde import gradebook
from autograder.autograde.class_run import each_once
from autograder.autograde.penalties import policy_of, renew_in, set_penalty
from autograder.autograde.timestamps import submitted_at
from autograder.course import course_at
from autograder.nbgrader_plugin.exporter import judged_by


class LatePenalties(AssignLatePenalties):  # type: ignore[misc]
    """Asks the plugin of `c.AssignLatePenalties.plugin_class` for the penalty of a notebook.

    It works within the entry in which a submission's marks are written.
    """

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        about = resources["nbgrader"]
        assignment, student = about["assignment"], about["student"]
        submitted = judged_by(self).submission
        self.init_plugin()
        with gradebook.entry(submitted.course) as writing:
            notebook = writing.book.find_submission_notebook(about["notebook"], assignment, student)
            if submitted_at(submitted.course, submitted.folder).doubt:
                notebook.assignment.timestamp = None  # nbgrader keeps that of an older submission
            set_penalty(self, notebook)
        return nb, resources


class RenewedPenalties(NbGraderPreprocessor):  # type: ignore[misc]
    """Before a page of feedback is made: the penalty from the marks as they stand by then."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        about = resources["nbgrader"]
        course = course_at(Path(self.parent.parent.coursedir.root))
        policy = policy_of(course.config)
        if policy is not None:
            with gradebook.entry(course) as writing:
                where = (about["notebook"], about["assignment"], about["student"])
                set_penalty(policy, writing.book.find_submission_notebook(*where))
        return nb, resources


class Export(CsvExportPlugin):  # type: ignore[misc]
    """nbgrader's CSV, with penalties from the marks as they stand."""

    def export(self, gradebook: Gradebook) -> None:
        for assignment in gradebook.assignments:
            for text in each_once(renew_in(gradebook, self.config, assignment.name).items()):
                self.log.warning("%s", text)
        gradebook.db.commit()
        super().export(gradebook)
