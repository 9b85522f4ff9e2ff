"""What a judgement depends on, as one digest: equal inputs give equal marks, so they are judged once."""

from __future__ import annotations

import json
import platform
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import autograder
from autograder.course import Course, SourceNotebook
from autograder.course.course import digest
from autograder.engine.job import Job
from autograder.engine.slots import uses_gpu
from autograder.sandbox import BoxSettings

_FORM = "2"  # of what is kept in the ledger
# The rooms of the kit that take part in a judgement; the others only show it.
_ROOMS = (
    "sandbox",
    "grading",
    "data",
    "course",
    "plain_data.py",
    "scorecard.py",
    "errors.py",
    "clean.py",
    "engine/device.py",
    "engine/job.py",
    "engine/judge.py",
    "engine/slots.py",
    "engine/training_data.py",
)
_LIBRARIES = (
    "torch",
    "torchvision",
    "numpy",
    "matplotlib",
    "ipython",
    "ipykernel",
    "pytest",
    "safetensors",
)


def judgement_key(course: Course, job: Job, data: str | None = None) -> str:
    """The digest of everything that a notebook's judgement depends on, but not of whose it is.

    That is the code and files of the hand-in, the notebook's hidden tests with the files beside them,
    points and ids, every setting of the box, the training data, the course's secret, the kit, the
    versions of the libraries, and whether there was a GPU, but not which or how many shared it.

    Args:
        data: the digest of the training data, where only the box's part of it is at hand.
    """
    source = course.notebooks(job.assignment)[job.notebook]
    return digest(
        _FORM,
        job.hand_in,
        str(len(job.cells)),  # or a cell could be taken for a file's name, the next for its content
        _points(source),
        _graders(course.graders(job.assignment), job.notebook),
        settings_json(course),
        data_digest(course) if data is None else data,
        course.secret(),
        _kit(),
        "in a GPU's slot" if uses_gpu(course, job.notebook) else "",
        *(one.key for one in job.brought),
    )


def _points(source: SourceNotebook) -> str:
    return json.dumps([(cell.grade_id, cell.max_score, cell.manual) for cell in source.grade_cells])


def _graders(folder: Path, notebook: str) -> str:
    """The hidden tests of a notebook, and what is no other notebook's tests."""
    own = f"test_{notebook}.py"
    files = [
        path
        for path in _files(folder)
        if path.name == own or not (path.parent == folder and path.name.startswith("test_"))
    ]
    return _content(folder, files)


def settings_json(course: Course) -> str:
    """Every setting of the box, as it is after defaults."""
    settings = BoxSettings(config=course.config)
    return json.dumps(
        {name: getattr(settings, name) for name in sorted(settings.traits(config=True))}
    )


def data_digest(course: Course) -> str:
    """The digest of the course's training data."""
    named = course.settings.data_directory
    return "drawn" if not named else _content(folder := course.root / named, _files(folder))


def environment() -> dict[str, str]:
    """What of the kit, Python and the libraries takes part in a judgement, by name."""
    root = Path(autograder.__file__).parent
    files = [path for room in _ROOMS for path in _files(root / room)]
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    python, machine = platform.python_version(), platform.machine()
    return {"kit": _content(root, files), "Python": python, "machine": machine, **versions}


@lru_cache(maxsize=1)
def _kit() -> str:
    return digest(*(f"{name} {version}" for name, version in environment().items()))


def folder_digest(folder: Path) -> str:
    """The digest of a folder's files and their names."""
    return _content(folder, _files(folder))


def _files(place: Path) -> list[Path]:
    """The files in a folder, without what Python itself puts there; a file by itself."""
    if place.is_file():
        return [place]
    found = (path for path in place.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return sorted(found)


def _content(root: Path, files: list[Path]) -> str:
    parts: list[str] = []
    for path in files:
        status = path.stat()
        name = path.relative_to(root).as_posix()
        parts += [name, _file_digest(path, status.st_size, status.st_mtime_ns)]
    return digest(*parts)


@lru_cache(maxsize=4096)
def _file_digest(path: Path, _size: int, _changed_ns: int) -> str:
    return digest(path.read_bytes())
