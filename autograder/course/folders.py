"""Where a course's files lie: nbgrader's names of folders and its `directory_structure`, as it sets them.

The names are those of nbgrader's CourseDirectory, and so are the defaults; a test holds them against it.
They are repeated since importing nbgrader takes more than a second, and everything asks for a folder.
"""

from __future__ import annotations

import ast
import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from traitlets.config import Config

from autograder.errors import KitError

DEFAULTS = {
    "source": "source",
    "release": "release",
    "submitted": "submitted",
    "autograded": "autograded",
    "feedback": "feedback",
    "solution": "solution",
}
STRUCTURE = "{nbgrader_step}/{student_id}/{assignment_id}"
_OF_STUDENTS = {"submitted", "autograded", "feedback", "downloaded"}
_OF_NOBODY = "."  # nbgrader's student in paths of the course's own
_STUDENT, _ASSIGNMENT = "\0student\0", "\0assignment\0"  # which no path holds


@dataclass(frozen=True)
class Folders:
    """The folders of a course's steps, for each student and assignment."""

    root: Path
    structure: str
    names: tuple[tuple[str, str], ...]  # of steps

    @classmethod
    def of(cls, root: Path, config: Config) -> Folders:
        """The folders that a configuration names.

        Raises:
            KitError: when they cannot be told apart.
        """
        section = config.CourseDirectory
        names = {step: section.get(f"{step}_directory", name) for step, name in DEFAULTS.items()}
        made = cls(root, section.get("directory_structure", STRUCTURE), tuple(names.items()))
        try:
            paths = {step: made.path(step, _STUDENT, _ASSIGNMENT) for step in DEFAULTS}
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise KitError(
                f"c.CourseDirectory.directory_structure = {made.structure!r} cannot be read "
                f"({type(error).__name__}: {error}). Correct it in course_config.py."
            ) from error
        alike = [step for step in DEFAULTS if list(paths.values()).count(paths[step]) > 1]
        if alike:
            raise KitError(
                f"By c.CourseDirectory in course_config.py {' and '.join(alike)} are one folder. Give each "
                "step its own, and directory_structure an {nbgrader_step}."
            )
        marks = (_STUDENT, _ASSIGNMENT)
        if any(str(path).count(mark) != 1 for path in paths.values() for mark in marks):
            raise KitError(
                f"c.CourseDirectory.directory_structure = {made.structure!r} must have {{student_id}} and "
                "{assignment_id} once each, as in nbgrader. Correct it in course_config.py."
            )
        return made

    def path(self, step: str, student: str, assignment: str) -> Path:
        """A step's folder of a student and an assignment."""
        name = dict(self.names)[step]
        inner = self.structure.format(
            nbgrader_step=name, student_id=student, assignment_id=assignment
        )
        return Path(os.path.normpath(self.root / inner))

    def own_path(self, step: str, assignment: str) -> Path:
        """A step's folder of an assignment that is nobody's: source, release, solution."""
        return self.path(step, _OF_NOBODY, assignment)

    def students(self, step: str, assignment: str) -> Iterator[tuple[str, Path]]:
        """Who has a folder for an assignment in a step."""
        for match, path in _matches(self.path(step, _STUDENT, assignment)):
            yield match["student"], path

    def assignments(self, step: str) -> Iterator[tuple[str, Path]]:
        """The assignments that have a folder of nobody's in a step."""
        for match, path in _matches(self.own_path(step, _ASSIGNMENT)):
            yield match["assignment"], path


def _matches(path: Path) -> Iterator[tuple[re.Match[str], Path]]:
    """The folders that a path stands for, in which a student or an assignment is left open."""
    top = Path(path.anchor)
    pattern, wildcard = re.escape(str(path)), glob.escape(str(path.relative_to(top)))
    for name in ("student", "assignment"):
        mark = f"\0{name}\0"
        pattern = pattern.replace(re.escape(mark), f"(?P<{name}>[^/]+)")
        wildcard = wildcard.replace(mark, "*")
    for folder in sorted(top.glob(wildcard)):
        match = re.fullmatch(pattern, str(folder))
        if match and folder.is_dir():
            yield match, folder


def lies_with_students(folder: Path, config_file: Path) -> bool:
    """Whether a folder may hold what students of the course around it handed in.

    The configuration of that course is not run for this, for it may be anybody's. Every text in it counts
    as the name of such a folder, beside nbgrader's own names.
    """
    try:
        tree = ast.parse(config_file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        texts: list[str] = []
    else:
        constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        texts = [value for value in constants if isinstance(value, str)]
    names = _OF_STUDENTS | {part for text in texts for part in Path(text).parts}
    return not names.isdisjoint(folder.relative_to(config_file.parent).parts)
