"""What the gradebook's rows depend on besides judgements, as digests."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
from pathlib import Path

from traitlets.utils.importstring import import_item

from autograder.course import Course, Unreadable
from autograder.course.attachments import words_and_pictures
from autograder.course.cells import grade_id_of
from autograder.course.reading import read_regular
from autograder.database import database_of
from autograder.digest import digest
from autograder.judge.keys import points_json
from autograder.judge.submission import Submission

# In judgement keys, or about no mark.
_OWN = ("BoxSettings", "CourseSettings", "FormgradeExtension")


def writing_key(course: Course, submission: Submission) -> str:
    """The digest of what the gradebook gets besides judgements, of a submission and its assignment.

    That is the notebooks' texts, written answers and their pictures among them, the points of all notebooks,
    also of those that are missing, and the outputs that are shown as handed in.
    """
    sources = course.notebooks(submission.assignment)
    shown = [
        _file(submission.folder / notebook.file, course.settings.max_notebook_mib * 2**20)
        for name, notebook in submission.notebooks.items()
        if sources[name].as_handed_in and notebook.file
    ]
    notebooks = submission.notebooks.items()
    cells = [
        (name, cell.cell_type, grade_id_of(cell), words_and_pictures(cell))
        for name, notebook in notebooks
        for cell in notebook.notebook.cells
    ]
    repairs = [(name, notebook.repairs, notebook.unreadable) for name, notebook in notebooks]
    points = map(points_json, sources.values())
    return digest(json.dumps([cells, repairs]), *points, *shown)


def _file(path: Path, limit: int) -> bytes:
    """A file of a submission, if it is one."""
    try:
        return read_regular(path, limit)
    except (Unreadable, OSError):
        return b""


def policy_key(course: Course) -> str:
    """The digest of what the course's configuration may have to do with late submissions.

    A policy is a plugin of nbgrader's with settings of its own, so all sections but the kit's own count, and
    the plugin's source.
    """
    sections = {
        name: section
        for name, section in sorted(course.config.items())
        if name not in _OWN and section  # looking into a section makes an empty one
    }
    database = database_of(course)
    if database.on_server:  # a new password changes no mark
        sections["CourseDirectory"] = {**sections["CourseDirectory"], "db_url": database.shown}
    plugin = course.config.get("AssignLatePenalties", {}).get("plugin_class", "")
    source = b""
    with contextlib.suppress(Exception):  # one that cannot be imported is named when it is used
        policy = import_item(plugin) if isinstance(plugin, str) else plugin
        source = Path(inspect.getfile(policy)).read_bytes()
    return digest(re.sub(r" at 0x[0-9a-f]+", "", repr(sections)), source)
