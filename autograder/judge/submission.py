"""From the folder of a submission to the jobs that judge it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from nbformat import NotebookNode

from autograder.course import Course, SourceNotebook, Unreadable, read_notebook, repair
from autograder.course.beside import (
    MAX_FILES,
    MAX_MIB,
    FilesBeside,
    course_files,
    names_of_course_files,
    some,
    that_fit,
    unused,
)
from autograder.course.bonus import find_bonus_files, given
from autograder.course.claims import is_code_stub
from autograder.course.intake import Candidate, find_notebooks, name_of
from autograder.course.judged_by import judged_in_notebook
from autograder.course.newer_python import say_of_notebook
from autograder.course.repairing import RepairedNotebook, empty_notebook
from autograder.course.walk import list_folder
from autograder.errors import KitError
from autograder.judge.digest_cache import known_digest
from autograder.judge.job import Job, course_of
from autograder.judge.keys import judgement_key
from autograder.scorecard import counted


@dataclass(frozen=True)
class ReadNotebook:
    """One notebook of a submission as the box will run it."""

    notebook: (
        NotebookNode  # repaired; an empty one with the course's cells where `unreadable` says why
    )
    repairs: list[str] = field(default_factory=list)
    unreadable: str = ""
    beside: str = ""  # the folder within the submission in which it lay
    file: str = ""  # its path within the submission


@dataclass(frozen=True)
class Submission:
    """What a student gave for an assignment: read, made into jobs and keyed once."""

    course: Course
    assignment: str
    student: str
    folder: Path
    notebooks: dict[str, ReadNotebook]  # by name, in the assignment's order, as all below
    jobs: dict[str, Job]  # also of a notebook that staff must look at before it can be graded
    keys: dict[str, str]  # what the judgement of each job depends on
    missing: tuple[str, ...]  # notebooks of the assignment that are not there

    def keys_now(self) -> dict[str, str]:
        """The keys as the course is now; others than `keys` where it has changed since.

        Raises:
            KitError: where its configuration cannot be read any more.
        """
        return _keys(self.jobs)


def read_submission(course: Course, assignment: str, student: str, folder: Path) -> Submission:
    """Read a submission's folder; nothing in it can make this raise.

    Raises:
        KitError: when something is wrong with the course.
    """
    notebooks = read_notebooks(course, assignment, folder)
    return _submission(course, assignment, student, folder, notebooks, course.notebooks(assignment))


def read_one(course: Course, assignment: str, student: str, path: Path) -> Submission:
    """Read one file, whatever its name, as a submission of this notebook alone.

    Raises:
        KitError: when it is none of the assignment's notebooks.
    """
    names = course.notebooks(assignment)
    read = _read_file(course, assignment, path) if path.is_file() else None
    if read is None:
        raise KitError(
            f"{path} is no submission of `{assignment}`: name a folder, or one of the notebooks "
            f"{', '.join(f'{name}.ipynb' for name in names)}."
        )
    name, notebook = read
    nothing = course.records / "none"  # whatever lies beside it may be anybody's
    return _submission(course, assignment, student, nothing, {name: notebook}, (name,))


def _submission(
    course: Course,
    assignment: str,
    student: str,
    folder: Path,
    notebooks: dict[str, ReadNotebook],
    wanted: Iterable[str],
) -> Submission:
    sources = course.notebooks(assignment)
    files = FilesBeside(list_folder(folder))
    jobs = {
        name: make_job(course, assignment, student, sources[name], notebook, folder, files)
        for name, notebook in notebooks.items()
    }
    notebooks = {
        name: replace(notebook, repairs=list(jobs[name].repairs))
        for name, notebook in notebooks.items()
    }
    missing = tuple(name for name in wanted if name not in jobs)
    return Submission(course, assignment, student, folder, notebooks, jobs, _keys(jobs), missing)


def _keys(jobs: Mapping[str, Job]) -> dict[str, str]:
    """What judgements depend on, by the course as it is at this moment, as the worker will see it."""
    return {name: judgement_key(course_of(job), job) for name, job in jobs.items()}


def read_notebooks(course: Course, assignment: str, folder: Path) -> dict[str, ReadNotebook]:
    """The notebooks of a submission's folder by name, repaired."""
    sources = course.notebooks(assignment)
    given_files = names_of_course_files(course.source(assignment))
    limit_mib = course.settings.max_notebook_mib
    candidates = find_notebooks(folder, sources, limit_mib, given_files)
    return {
        name: _take(candidates[name], source, folder)
        for name, source in sources.items()
        if name in candidates
    }


def names_of_notebooks(course: Course, assignment: str, folder: Path) -> list[str]:
    """The notebooks of an assignment that `read_notebooks` would find in a folder."""
    sources = course.notebooks(assignment)
    if all(Path(folder, f"{name}.ipynb").is_file() for name in sources):
        return list(sources)  # without reading any: found in the folder, whatever is in it
    given_files = names_of_course_files(course.source(assignment))
    limit_mib = course.settings.max_notebook_mib
    return list(find_notebooks(folder, sources, limit_mib, given_files))


def _read_file(course: Course, assignment: str, path: Path) -> tuple[str, ReadNotebook] | None:
    """One file, whatever its name, as the notebook of the assignment that it is; None if of none."""
    sources = course.notebooks(assignment)
    try:
        notebook = read_notebook(path, course.settings.max_notebook_mib)
    except Unreadable as error:
        name, found = path.stem, Candidate(path, None, f"{error}. {error.advice}")
    else:
        name, found = name_of(notebook, sources) or path.stem, Candidate(path, notebook)
    return (name, _take(found, sources[name], path.parent)) if name in sources else None


def _take(found: Candidate, source: SourceNotebook, folder: Path) -> ReadNotebook:
    if found.notebook is None:
        return ReadNotebook(repair(empty_notebook(source), source).notebook, [], found.why)
    written_with = found.notebook.metadata.pop("language_info", {}).get("version", "")
    submission = repair(found.notebook, source)
    place = found.path.relative_to(folder)
    repairs = [*found.said, *submission.repairs, *say_of_notebook(submission.cells, written_with)]
    return ReadNotebook(submission.notebook, repairs, "", str(place.parent), str(place))


def as_read(notebook: NotebookNode, source: SourceNotebook) -> ReadNotebook:
    """A notebook that comes from no folder, such as a case's, as if it had been submitted."""
    return ReadNotebook(repair(notebook, source).notebook)


def make_job(
    course: Course,
    assignment: str,
    student: str,
    source: SourceNotebook,
    taken: ReadNotebook,
    folder: Path,
    files: FilesBeside | None = None,
) -> Job:
    """The job for a notebook; `folder` is where the submission's other files are.

    Args:
        files: those of the folder, where they were looked through before.
    """
    files = files or FilesBeside(list_folder(folder))
    repaired = RepairedNotebook(taken.notebook)
    places = (folder / taken.beside, folder)
    bonuses = given(course, assignment, source.name)
    bonus_files = tuple(find_bonus_files(places, bonuses, functools.partial(known_digest, course)))
    given_files = course_files(course.source(assignment))
    # The judge's own, perhaps large, and the course's own.
    others = {one.bonus.file for one in bonus_files} | given_files.keys()
    beside = files.pick("\n".join(repaired.cells), taken.file, taken.beside, others)
    own_files = that_fit(given_files, beside.files)
    aside = [label for label in unused(files.listing) if label not in given_files]
    notes = []
    if beside.left_out or beside.more:
        notes.append(_no_room(beside.left_out, beside.more))
    if clashing := sorted(beside.files.keys() - own_files.keys()):
        notes.append(f"not beside the notebook, for another file's folder: {some(clashing)}")
    if aside and not taken.unreadable:
        notes.append(f"handed in, and not looked at: {some(aside)}")
    released = source.released_cells().items()
    stubs = {grade_id: cell.source for grade_id, cell in released if is_code_stub(cell)}
    tests = source.tests(judged_in_notebook(course, assignment, source))
    return Job(
        course=course.root,
        assignment=assignment,
        notebook=source.name,
        student=student,
        cells=repaired.cells,
        grade_ids=repaired.grade_ids,
        stubs=tuple(stubs.get(grade_id, "") for grade_id in repaired.grade_ids),
        tests=tuple(tests.get(grade_id) for grade_id in repaired.grade_ids),
        files=tuple(sorted((own_files | given_files).items())),
        repairs=(*taken.repairs, *notes),
        unreadable=taken.unreadable,
        bonus_files=bonus_files,
    )


def _no_room(left_out: list[str], more: bool) -> str:
    """What a student and staff read of files for which there was no room."""
    count = counted(len(left_out), "file")
    return (
        f"{'more than ' if more else ''}{count} did not lie beside the notebook when it ran: "
        f"{some(left_out)} (at most {MAX_FILES} files and {MAX_MIB} MiB do)"
    )
