"""From the folder of a submission to the jobs that judge it."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from autograder.course import Course, SourceNotebook, Unreadable, read_notebook, repair
from autograder.course.bonus import find_bonus_files, given
from autograder.course.intake import Candidate, course_files, find_notebooks, name_of, own_files
from autograder.course.repairing import empty_notebook
from autograder.judge.digest_cache import known_digest
from autograder.judge.job import Job


@dataclass(frozen=True)
class ReadNotebook:
    """One notebook of a submission as the box will run it."""

    notebook: NotebookNode  # an empty one with the course's cells where `unreadable` says why
    repairs: list[str] = field(default_factory=list)
    unreadable: str = ""
    beside: str = ""  # the folder within the submission in which it lay


@dataclass(frozen=True)
class Submission:
    """What a folder holds for an assignment."""

    jobs: dict[str, Job]  # by notebook; also of one that staff must look at before it can be graded
    missing: tuple[str, ...]  # notebooks of the assignment that are not there
    taken: dict[str, ReadNotebook] = field(default_factory=dict)  # what the jobs were made from


def read_submission(course: Course, assignment: str, student: str, folder: Path) -> Submission:
    """Read a submission's folder; nothing in it can make this raise."""
    sources = course.notebooks(assignment)
    taken = read_notebooks(course, assignment, folder)
    jobs = {
        name: make_job(course, assignment, student, sources[name], one, folder)
        for name, one in taken.items()
    }
    return Submission(jobs, tuple(name for name in sources if name not in jobs), taken)


def read_notebooks(course: Course, assignment: str, folder: Path) -> dict[str, ReadNotebook]:
    """The notebooks of a submission's folder by name, repaired."""
    sources = course.notebooks(assignment)
    found = find_notebooks(folder, sources, course.settings.max_notebook_mib)
    return {
        name: _take(found[name], source, folder)
        for name, source in sources.items()
        if name in found
    }


def names_of_notebooks(course: Course, assignment: str, folder: Path) -> list[str]:
    """The notebooks of an assignment that `read_notebooks` would find in a folder."""
    sources = course.notebooks(assignment)
    if all(Path(folder, f"{name}.ipynb").is_file() for name in sources):
        return list(sources)  # without reading any: found in the folder, whatever is in it
    return list(find_notebooks(folder, sources, course.settings.max_notebook_mib))


def read_file(course: Course, assignment: str, path: Path) -> tuple[str, ReadNotebook] | None:
    """One file, whatever its name, as the notebook of the assignment that it is; None if of none."""
    sources = course.notebooks(assignment)
    try:
        notebook = read_notebook(path, course.settings.max_notebook_mib)
    except Unreadable as error:
        name, found = path.stem, Candidate(path, None, str(error))
    else:
        name, found = name_of(notebook, sources) or path.stem, Candidate(path, notebook)
    return (name, _take(found, sources[name], path.parent)) if name in sources else None


def _take(found: Candidate, source: SourceNotebook, folder: Path) -> ReadNotebook:
    if found.notebook is None:
        return ReadNotebook(repair(empty_notebook(source), source).notebook, [], found.why)
    submission = repair(found.notebook, source)
    beside = str(found.path.parent.relative_to(folder))
    return ReadNotebook(submission.notebook, [*found.said, *submission.repairs], "", beside)


def make_job(
    course: Course,
    assignment: str,
    student: str,
    source: SourceNotebook,
    taken: ReadNotebook,
    folder: Path,
) -> Job:
    """The job for a notebook; `folder` is where the submission's other files are.

    The notebook stays as it is: nbgrader's checksums in it tell answers that were not touched.
    """
    files = own_files(folder)
    if taken.beside not in ("", "."):  # what lay beside it, lies beside it in the box
        files |= own_files(folder / taken.beside)
    places = (folder / taken.beside, folder)
    bonuses = given(course, assignment, source.name)
    bonus_files = tuple(find_bonus_files(places, bonuses, functools.partial(known_digest, course)))
    for one in bonus_files:  # the judge's, and perhaps large
        files.pop(one.bonus.file, None)
    files |= course_files(course.source(assignment))
    return Job(
        course=course.root,
        assignment=assignment,
        notebook=source.name,
        student=student,
        cells=repair(copy.deepcopy(taken.notebook), source).cells,
        files=tuple(sorted(files.items())),
        repairs=tuple(taken.repairs),
        unreadable=taken.unreadable,
        bonus_files=bonus_files,
    )
