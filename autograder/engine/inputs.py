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
    "engine/job.py",
    "engine/judge.py",
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


def judgement_key(course: Course, job: Job) -> str:
    """The digest of everything that a notebook's judgement depends on, but not of whose it is.

    That is the code and files of the hand-in, the notebook's hidden tests with the files beside them,
    points and ids, every setting of the box, the training data, the course's secret, the kit, and
    the versions of the libraries.
    """
    source = course.notebooks(job.assignment)[job.notebook]
    return digest(
        _FORM,
        job.hand_in,
        str(len(job.cells)),  # or a cell could be taken for a file's name, the next for its content
        _points(source),
        _graders(course.graders(job.assignment), job.notebook),
        _settings(course),
        _data(course),
        course.secret(),
        _kit(),
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


def _settings(course: Course) -> str:
    settings = BoxSettings(config=course.config)
    return json.dumps(
        {name: getattr(settings, name) for name in sorted(settings.traits(config=True))}
    )


def _data(course: Course) -> str:
    named = course.settings.data_directory
    return "drawn" if not named else _content(folder := course.root / named, _files(folder))


@lru_cache(maxsize=1)
def _kit() -> str:
    root = Path(autograder.__file__).parent
    files = [path for room in _ROOMS for path in _files(root / room)]
    versions = [f"{name} {metadata.version(name)}" for name in _LIBRARIES]
    return digest(_content(root, files), platform.python_version(), platform.machine(), *versions)


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
