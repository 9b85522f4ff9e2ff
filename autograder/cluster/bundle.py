"""What judging an assignment needs, as one archive: it travels to workers that share no folder.

In it are the source notebooks, the hidden tests (unless they are the kit's own, which every worker has),
the settings as `course_config.py` resolved them, the course's secret, the box's part of the training data
and, for a GPU, the images that only the judge sees. It never enters a box. Unpacked it is a course like any
other, so it is judged by the same code; the paths on a card are then put back to those of the course's
machine, so the card is the same, too.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import nbformat

import autograder
from autograder.course import Course, load_course
from autograder.course.course import CONFIG, RECORDS
from autograder.course.folders import DEFAULTS
from autograder.digest import digest
from autograder.errors import KitError
from autograder.judge.job import Job, Judgement
from autograder.judge.keys import settings_json
from autograder.judge.slots import gpus_of
from autograder.judge.training_data import (
    BOX_IMAGES,
    JUDGE_IMAGES_KEPT,
    box_data,
    data_digest,
    judge_images,
    place_of,
)
from autograder.scorecard import Item

_CONFIG = """\
# Written by the kit, from the course's own configuration.
import json

from autograder.nbgrader_plugin import configure

c = get_config()
configure(c, __file__)
c.BoxSettings.update(json.loads({settings!r}))
c.CourseSettings.update({course!r})
"""
# `_DATA` is only a name there: what a worker has of the data are the two parts that were cut from it.
_GRADERS, _DATA, _BOX_PART, _JUDGE_PART = "graders", "data", "box_part", "judge_part"


@dataclass(frozen=True)
class Bundle:
    """One assignment of one course, ready to travel."""

    assignment: str
    archive: bytes  # a tar
    data: str  # the digest of the training data, of which only the box's part is in it
    paths: Mapping[str, str]  # by name: where things are on the course's machine

    @property
    def digest(self) -> str:
        return digest(self.assignment, self.archive, self.data, *self.paths.values())


def pack(course: Course, assignment: str) -> Bundle:
    """The bundle of an assignment as it is now.

    Raises:
        KitError: when the training data cannot be read, or the secret is empty.
    """
    settings: dict[str, object] = {"stderr_costs_points": course.settings.stderr_costs_points}
    if course.settings.gpus:
        names = ("gpus", "gpu_slots", "gpu_notebooks")
        settings |= {name: getattr(course.settings, name) for name in names}
    files: dict[str, Path] = {}
    if course.settings.graders_directory:
        settings["graders_directory"] = _GRADERS
        files |= _below(course.graders(assignment), f"{_GRADERS}/{assignment}")
    images = box_data(course)
    if images is not None:
        settings["data_directory"] = _DATA
        files |= _below(images, _BOX_PART)
        hidden = judge_images(course) if gpus_of(course) != [None] else None
        files |= _below(hidden, _JUDGE_PART) if hidden else {}
    config = _CONFIG.format(settings=settings_json(course), course=settings)
    texts: dict[str, bytes] = {CONFIG: config.encode(), f"{RECORDS}/secret": course.secret()}
    for name, source in course.notebooks(assignment).items():  # with the course's header and footer
        path = f"{DEFAULTS['source']}/{assignment}/{name}.ipynb"
        texts[path] = nbformat.writes(source.notebook).encode()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in sorted([*texts, *files]):
            data = texts[name] if name in texts else files[name].read_bytes()
            entry = tarfile.TarInfo(name)  # no times and owners: equal content is an equal archive
            entry.size = len(data)
            entry.mode = 0o600 if name in texts else 0o644
            archive.addfile(entry, io.BytesIO(data))
    return Bundle(assignment, stream.getvalue(), data_digest(course), _paths(course, assignment))


class Unpacked:
    """A bundle on a worker, in a folder that is closed to others and ends with the worker's process."""

    def __init__(self, bundle: Bundle, place: Path) -> None:
        """Unpack it below `place`.

        Raises:
            KitError: when a box could see `place`.
        """
        check_place(place)
        place.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="course-", dir=place)).resolve()
        # Whatever ends this process, even kill -9, ends the pipe, and then the folder goes.
        self._janitor = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; rm -rf -- "$1"', "sh", str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        with tarfile.open(fileobj=io.BytesIO(bundle.archive)) as archive:
            _extract(archive, self.folder)
        (self.folder / RECORDS).chmod(0o700)
        self.course = load_course(self.folder)
        self.data = bundle.data
        for part, target in (
            (_BOX_PART, place_of(self.course, BOX_IMAGES)),
            (_JUDGE_PART, place_of(self.course, JUDGE_IMAGES_KEPT)),
        ):
            if (self.folder / part).is_dir():
                target.parent.mkdir(parents=True, exist_ok=True)
                (self.folder / part).rename(target)
        here = _paths(self.course, bundle.assignment)
        self._there = {f"{here[name]}/": f"{there}/" for name, there in bundle.paths.items()}

    def job(self, job: Job) -> Job:
        """A job of the course's machine, as one of this course."""
        return replace(job, course=self.course.root)

    def as_at_home(self, judgement: Judgement) -> Judgement:
        """A judgement that names the course's machine's paths, not this one's, to staff."""
        places = re.compile("|".join(map(re.escape, sorted(self._there, key=len, reverse=True))))

        def home(text: str) -> str:
            return places.sub(lambda found: self._there[found[0]], text)

        def home_item(item: Item) -> Item:
            checks = (
                replace(check, staff_detail=home(check.staff_detail)) for check in item.checks
            )
            return replace(item, checks=tuple(checks))

        notebooks = tuple(
            replace(
                notebook,
                items=tuple(map(home_item, notebook.items)),
                reason=home(notebook.reason) if notebook.reason else notebook.reason,
            )
            for notebook in judgement.card.notebooks
        )
        return Judgement(replace(judgement.card, notebooks=notebooks), judgement.outputs)

    def remove(self) -> None:
        self._janitor.communicate()  # closes the pipe, and waits


def _extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Write an archive's files below a folder, and nothing that is no file.

    By hand, since tarfile's own filters are missing in Python before 3.11.4, which Debian 12 has.

    Raises:
        KitError: for an entry that `pack` does not write; the archive is not ours then.
    """
    for entry in archive:
        parts = PurePosixPath(entry.name).parts
        content = archive.extractfile(entry) if entry.isreg() else None
        if content is None or not parts or parts[0] == "/" or ".." in parts:
            raise KitError(f"The assignment came with {entry.name!r}, which is no file of its own.")
        path = folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=entry.mode & 0o644)
        path.write_bytes(content.read())


def check_place(place: Path) -> None:
    """Refuse a folder that boxes can see, for what is unpacked there is not for students.

    Raises:
        KitError: naming it.
    """
    for seen in ("/usr", sys.prefix, sys.base_prefix):
        if place.resolve().is_relative_to(Path(seen).resolve()):
            raise KitError(
                f"{place} lies in {seen}, which boxes can read. Give Dask another --local-directory."
            )


def _below(folder: Path, name: str) -> dict[str, Path]:
    return {
        f"{name}/{path.relative_to(folder).as_posix()}": path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def _paths(course: Course, assignment: str) -> dict[str, str]:
    """The places that the words of a card may name."""
    return {
        "graders": str(course.graders(assignment)),
        "course": str(course.root),
        "kit": str(Path(autograder.__file__).parent),
        "environment": sys.prefix,
        "Python": sys.base_prefix,
    }
