"""Releases an assignment: the students' version from the source, through nbgrader."""

from __future__ import annotations

import copy
import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Course
from autograder.course.converters import run_converter
from autograder.database import check_names, make_ready, naming_trouble
from autograder.errors import KitError
from autograder.files import zip_of
from autograder.judge.service import judge_service
from autograder.progress import Progress
from autograder.release import gate
from autograder.release.written_tests import keep, keep_written_tests, written_beside


@dataclass(frozen=True)
class Released:
    """What to hand to students: a folder, or the same as one file."""

    folder: Path
    archive: Path
    warnings: tuple[gate.Refusal, ...] = ()  # what the gate said and let pass


def release(course: Course, assignment: str, progress: Progress = lambda *_: None) -> Released:
    """Write the assignment's release and a zip of it, if the gate lets it pass.

    Raises:
        Refused: when the gate keeps it back; nothing was written, not even to the gradebook.
        KitError: when there is no such assignment, no box can be built here, or the gradebook cannot be used.
    """
    progress("looking at the notebooks", 0, 1)
    make_ready(course)
    check_names(course, assignment)
    refusals = gate.examine_source(course, assignment)
    with suppress(KitError):  # of what is damaged the gate has told
        if any(source.is_autograded for source in course.notebooks(assignment).values()):
            judge_service().pool.prepare(course, assignment)  # while nbgrader makes the drafts
    with scratch(course) as aside:
        drafts = (aside / "first", aside / "second")
        try:
            for folder in drafts:
                draft(course, assignment, folder)
            refusals += gate.examine_drafts(course, assignment, drafts)
            refusals += gate.examine_runs(course, assignment, drafts[0], progress)
        except KitError:
            if all(refusal.warns for refusal in refusals):
                raise  # else they say why there is nothing to look at
        said = list(dict.fromkeys(refusals))
        if not all(refusal.warns for refusal in said):
            raise gate.Refused(assignment, said)
        folder = build(course, assignment, seen=drafts[0])
    archive = folder.with_name(f"{assignment}.zip")
    archive.write_bytes(zipped(folder, assignment))
    return Released(folder, archive, tuple(said))


def build(course: Course, assignment: str, seen: Path | None = None) -> Path:
    """Write the assignment's release without asking the gate, and make it known to the gradebook.

    Args:
        seen: a draft that the gate has seen; what is written must be the same.

    Raises:
        KitError: when a source notebook is damaged, nbgrader refuses it, or it is not what was `seen`;
            an older release stays.
    """
    course.notebooks(assignment)  # refuses what is damaged, by name
    make_ready(course)
    check_names(course, assignment)
    folder = course.release(assignment)
    with scratch(course) as aside:
        with naming_trouble(course):
            draft(course, assignment, aside / "new", known_to_gradebook=True)
        if seen is not None and zipped(aside / "new", "") != zipped(seen, ""):
            source = course.shown(course.source(assignment))
            raise KitError(
                f"{source} has changed while the gate was looking at it. Release it again."
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            shutil.move(folder, aside / "old")
        shutil.move(aside / "new", folder)
        keep(written_beside(aside / "new"), course.written_tests(assignment))
    return folder


def zipped(folder: Path, name: str) -> bytes:
    """A folder as a zip, of this name in it: the same bytes for the same files."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    inside = (Path(name) / path.relative_to(folder) for path in paths)
    files = {to.as_posix(): path.read_bytes() for to, path in zip(inside, paths, strict=True)}
    return zip_of(files, mode=0o644)


def draft(course: Course, assignment: str, to: Path, known_to_gradebook: bool = False) -> None:
    """Have nbgrader write the release of an assignment into a folder of the course.

    Tests that it writes and students do not get are kept in `written_beside` that folder.
    """
    from nbgrader.converters import GenerateAssignment

    config = copy.deepcopy(course.config)
    config.CourseDirectory.release_directory = str(to.parent.relative_to(course.root))
    if not known_to_gradebook:
        config.GenerateAssignment.no_database = True
        config.SaveCells.enabled = False
    if any(source.has_written_secrets() for source in course.notebooks(assignment).values()):
        keep_written_tests(config, written_beside(to))
    aside = dataclasses.replace(course, config=config)
    run_converter(aside, assignment, GenerateAssignment)
    move(aside.release(assignment), to)


def move(folder: Path, to: Path) -> None:
    """Move what nbgrader made; what its directory_structure put around it goes, where that is empty."""
    shutil.move(folder, to)
    for above in folder.parents:
        if any(above.iterdir()):
            break
        above.rmdir()


@contextmanager
def scratch(course: Course) -> Iterator[Path]:
    """A folder where nobody else looks: drafts may hold what must not leave the course."""
    with tempfile.TemporaryDirectory(prefix="release-", dir=course.make_records()) as folder:
        yield Path(folder)
