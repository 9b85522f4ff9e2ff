"""nbgrader's AssignLatePenalties, within the entry in which a submission's marks are written."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import AssignLatePenalties

from autograder.autograde import gradebook
from autograder.nbgrader_plugin.exporter import judged_by


class LatePenalties(AssignLatePenalties):  # type: ignore[misc]
    """Asks the plugin of `c.AssignLatePenalties.plugin_class` for the penalty of a notebook."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        about = resources["nbgrader"]
        assignment, student = about["assignment"], about["student"]
        self.init_plugin()
        with gradebook.entry(judged_by(self).submission.course) as writing:
            submission = writing.book.find_submission(assignment, student)
            notebook = writing.book.find_submission_notebook(about["notebook"], assignment, student)
            late_s = submission.total_seconds_late
            penalty = None
            if late_s > 0:
                penalty = self.plugin_inst.late_submission_penalty(student, notebook.score, late_s)
            if penalty is not None:
                penalty = self._check_late_penalty(notebook, penalty)
            notebook.late_submission_penalty = penalty
        return nb, resources
