"""What a judgement depends on, as one digest: equal inputs give equal marks, so they are judged once."""

from __future__ import annotations

import json
import platform
import re
import sys
from functools import lru_cache
from pathlib import Path

import autograder
from autograder.course import Course, SourceNotebook
from autograder.digest import content_of, digest, files_in
from autograder.judge.job import Job
from autograder.judge.slots import uses_gpu
from autograder.judge.surroundings import modules_of_course
from autograder.judge.training_data import data_digest
from autograder.sandbox import BoxSettings

VALIDITY = "validity.json"  # beside the hidden tests: figures about them, which no test asks for
_FORM = "2"  # of what is kept in the ledger
# The rooms of the kit that take part in a judgement; the others only show it.
_ROOMS = (
    "sandbox",
    "guest",
    "grading",
    "graders/figures.py",
    "graders/image_sources.py",
    "data",
    "course",
    "plain_data.py",
    "scorecard.py",
    "checks.py",
    "errors.py",
    "clean",
    "digest.py",
    "files.py",
    "locks.py",
    "judge/device.py",
    "judge/in_the_notebook.py",
    "judge/job.py",
    "judge/judge.py",
    "judge/looks.py",
    "judge/left_behind.py",
    "judge/needs.py",
    "judge/second_look.py",
    "judge/slots.py",
    "judge/surroundings.py",
    "judge/training_data.py",
)


def judgement_key(course: Course, job: Job, data: str | None = None) -> str:
    """The digest of everything that a notebook's judgement depends on, but not of whose it is.

    That is the code and files of the submission, the notebook's hidden tests with the files beside them,
    points and ids, every setting of the box, the training data, the course's secret, the kit, the
    versions of the libraries, and whether there was a GPU, but not which or how many shared it.

    Args:
        data: the digest of the training data, where only the box's part of it is at hand.
    """
    source = course.notebooks(job.assignment)[job.notebook]
    return digest(
        _FORM,
        job.content,
        # Which cell is which, and what was to be done in it. By their number none is taken for a
        # file's name, the next for its content.
        json.dumps([len(job.cells), job.grade_ids, job.stubs, job.tests, job.only, job.draw]),
        points_json(source),
        json.dumps(source.as_handed_in),
        _graders(course.graders(job.assignment), job.notebook),
        settings_json(course),
        f"stderr costs points: {course.settings.stderr_costs_points}",
        ",".join(sorted(modules_of_course(course, job.assignment))),
        data_digest(course) if data is None else data,
        course.secret(),
        _kit(),
        "in a GPU's slot" if uses_gpu(course, job.notebook) else "",
        *(file.key for file in job.bonus_files),
    )


def points_json(source: SourceNotebook) -> str:
    """The grade cells of a notebook with their points."""
    return json.dumps([(cell.grade_id, cell.max_score, cell.manual) for cell in source.grade_cells])


def _graders(folder: Path, notebook: str) -> str:
    """The hidden tests of a notebook, and what is no other notebook's tests."""
    own = f"test_{notebook}.py"
    files = [
        path
        for path in files_in(folder)
        if path.name == own
        or not (path.parent == folder and path.name.startswith(("test_", VALIDITY)))
    ]
    return content_of(folder, files)


def settings_json(course: Course) -> str:
    """Every setting of the box, as it is after defaults."""
    settings = BoxSettings(config=course.config)
    return json.dumps(
        {name: getattr(settings, name) for name in sorted(settings.traits(config=True))}
    )


def environment() -> dict[str, str]:
    """What of the kit, Python and the libraries takes part in a judgement, by name.

    Every installed package is in it, since a submission may import it.
    """
    root = Path(autograder.__file__).parent
    files = [path for room in _ROOMS for path in files_in(root / room)]
    python, machine = platform.python_version(), platform.machine()
    return {"kit": content_of(root, files), "Python": python, "machine": machine, **packages()}


def packages() -> dict[str, str]:
    """The installed packages and their versions, by the names of their folders of metadata."""
    versions: dict[str, str] = {}
    for place in _package_folders():
        for path in sorted(place.iterdir()):
            if path.suffix in (".dist-info", ".egg-info"):
                name, _, version = path.stem.partition("-")
                name = re.sub(r"[-_.]+", "-", name).lower()
                versions.setdefault(name, version.partition("-py")[0])
    versions.pop("autograder-kit", None)  # known by its content
    return versions


def _package_folders() -> list[Path]:
    """Where Python looks for packages, and in which order."""
    places = dict.fromkeys(map(Path, sys.path))
    names = ("site-packages", "dist-packages")
    return [place for place in places if place.name in names and place.is_dir()]


def _kit() -> str:
    return _environment_digest(tuple(place.stat().st_mtime_ns for place in _package_folders()))


@lru_cache(maxsize=1)
def _environment_digest(_changed_ns: tuple[int, ...]) -> str:
    """Worked out again when a package was installed: a worker that starts later sees it, too."""
    return digest(*(f"{name} {version}" for name, version in sorted(environment().items())))
