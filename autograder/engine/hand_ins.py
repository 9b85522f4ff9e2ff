"""From the folder of a hand-in to the jobs that judge it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from autograder.course import Course, SourceNotebook, Unreadable, read_notebook, repair
from autograder.course.intake import course_files, empty_hand_in, own_files
from autograder.engine.job import Job


@dataclass(frozen=True)
class Intake:
    """What a folder holds for an assignment."""

    jobs: dict[str, Job]  # by notebook
    missing: tuple[str, ...]  # notebooks of the assignment that are not there
    unknown: tuple[str, ...]  # notebooks that are none of the assignment's


def take_in(course: Course, assignment: str, student: str, folder: Path) -> Intake:
    """Read a hand-in's folder; nothing in it can make this raise."""
    sources = course.notebooks(assignment)
    found = {path.name for path in folder.glob("*.ipynb")} if folder.is_dir() else set()
    jobs = {
        name: read_job(course, assignment, student, source, folder)
        for name, source in sources.items()
        if f"{name}.ipynb" in found
    }
    return Intake(
        jobs=jobs,
        missing=tuple(name for name in sources if name not in jobs),
        unknown=tuple(sorted(name for name in found if name.removesuffix(".ipynb") not in sources)),
    )


def read_job(
    course: Course, assignment: str, student: str, source: SourceNotebook, folder: Path
) -> Job:
    """The job for one notebook of a hand-in's folder."""
    notebook, repairs, unreadable = read_repaired(folder / f"{source.name}.ipynb", source)
    return make_job(course, assignment, student, source, notebook, folder, repairs, unreadable)


def read_repaired(path: Path, source: SourceNotebook) -> tuple[NotebookNode, list[str], str]:
    """The notebook in a file as the box will run it, what was repaired, and why it is unreadable.

    For a file that is no notebook the first is an empty one with the course's cells.
    """
    try:
        hand_in = repair(read_notebook(path), source)
    except Unreadable as error:
        return repair(empty_hand_in(source), source).notebook, [], str(error)
    return hand_in.notebook, hand_in.repairs, ""


def make_job(
    course: Course,
    assignment: str,
    student: str,
    source: SourceNotebook,
    notebook: NotebookNode,
    folder: Path,
    repairs: list[str],
    unreadable: str,
) -> Job:
    """The job for a notebook that is in memory; `folder` is where the hand-in's other files are.

    The notebook stays as it is: nbgrader's checksums in it tell answers that were not touched.
    """
    files = {**own_files(folder), **course_files(course.source(assignment))}
    return Job(
        course=course.root,
        assignment=assignment,
        notebook=source.name,
        student=student,
        cells=repair(copy.deepcopy(notebook), source).cells,
        files=tuple(sorted(files.items())),
        repairs=tuple(repairs),
        unreadable=unreadable,
    )
