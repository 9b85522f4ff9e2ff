"""Makes the start of another assignment: small, whole, and fit to pass the release gate."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import autograder
from autograder.course import Course
from autograder.errors import KitError

_TEMPLATE = Path(__file__).parent / "templates" / "assignment"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")


def new_assignment(course: Course, name: str) -> dict[str, Path]:
    """Write notebook, hidden tests with their contract, and cases of a new assignment.

    Returns:
        the folders that were made, by what is in them.

    Raises:
        KitError: when the name is no good, something of that name is there, or the hidden tests would
            come to lie inside the installed kit.
    """
    if not _NAME.fullmatch(name):
        raise KitError(
            f"{name!r} is no good name: it becomes a folder, a part of addresses and an id of nbgrader's. "
            "Take letters, digits, - and _, up to 61 of them, with a letter or a digit first."
        )
    graders = course.graders(name)
    kit = Path(autograder.__file__).parent
    if graders.is_relative_to(kit) and not kit.is_relative_to(course.root):
        raise KitError(
            "The hidden tests would come to lie inside the installed kit. Say where yours are in "
            'course_config.py: c.CourseSettings.graders_directory = "graders".'
        )
    folders = {
        "source": course.source(name),
        "graders": graders,
        "cases": course.root / course.settings.cases_directory / name,
    }
    taken = [path for path in (*folders.values(), course.release(name)) if path.exists()]
    if taken:
        raise KitError(f"{taken[0]} is there already. Take another name, or move it away.")
    for part, folder in folders.items():
        shutil.copytree(_TEMPLATE / part, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folders
