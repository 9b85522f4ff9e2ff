"""One call that points nbgrader to the kit. Imports nothing heavy: every nbgrader command runs it."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path
from typing import Any

_HERE = "autograder.nbgrader_plugin"


def configure(c: Any, config_file: str) -> None:
    """Connect nbgrader to the kit; to be called first in `course_config.py`.

    Args:
        c: what `get_config()` returned.
        config_file: `__file__` of `course_config.py`; its folder is the course.
    """
    root = Path(config_file).resolve().parent
    records = root / "records"
    try:
        records.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:  # a course that may only be read; what must write there says so
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise

    if shutil.which("alembic") is None:  # nbgrader runs it by name when it makes a gradebook
        os.environ["PATH"] = (
            f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        )

    c.CourseDirectory.root = str(root)
    # Not nbgrader's default place: a tool that has not read this file finds an empty gradebook with
    # no assignment in it, and stops before it runs any code of a student's.
    # A course may name a server instead, below this call, so that such a tool does not know of it either.
    c.CourseDirectory.db_url = f"sqlite:///{records / 'gradebook.db'}"
    c.FormgradeExtension.debug = (
        False  # else a page has the whole configuration, with a server's password
    )

    c.Autograde.exporter_class = f"{_HERE}.exporter.SubmissionExporter"
    # ClearOutput, OverwriteKernelspec and CheckCellMetadata have nothing left to do: the exporter takes
    # a submission without outputs and metadata, and gives its cells the metadata of the source's.
    c.Autograde.sanitize_preprocessors = [
        f"{_HERE}.overwrite_cells.OverwriteCells"
    ]  # OverwriteCells
    c.Autograde.autograde_preprocessors = [
        f"{_HERE}.judge.Judge",  # in the place of nbgrader's Execute
        f"{_HERE}.judge.SaveAutoGrades",  # in the place of SaveAutoGrades
        f"{_HERE}.late.LatePenalties",  # AssignLatePenalties
    ]

    c.CourseDirectory.solution_directory = "solutions"
    c.GenerateSolution.preprocessors = [
        "nbgrader.preprocessors.LockCells",
        "nbgrader.preprocessors.ClearOutput",
        f"{_HERE}.solution.RunInBox",
    ]

    c.GenerateFeedback.exporter_class = f"{_HERE}.feedback.FeedbackExporter"
    c.GenerateFeedback.preprocessors = [
        f"{_HERE}.late.RenewedPenalties",
        f"{_HERE}.feedback.Grades",  # GetGrades
    ]
    c.ExportApp.plugin_class = f"{_HERE}.late.Export"

    # The formgrader shows submissions inside the instructor's session: no script of a student's there.
    # nbconvert's own sanitize_html does not reach the formgrader's markdown cells.
    c.HTMLExporter.preprocessors = [
        f"{_HERE}.staff_notes.StaffNotes",
        "autograder.report.harmless.HarmlessNotebook",
    ]
    c.HTMLExporter.filters = {"markdown2html": "autograder.report.harmless.harmless_markdown"}
    # Its own page needs MathJax from elsewhere, and without network nothing in it can be marked.
    c.HTMLExporter.extra_template_paths = [str(Path(__file__).parent / "templates")]
    c.HTMLExporter.template_file = "formgrade_offline.html.j2"
