"""What a judgement depends on, as one digest: equal inputs give equal marks, so they are judged once."""

from __future__ import annotations

import json
import platform
import re
import sysconfig
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import autograder
from autograder.course import Course, SourceNotebook, Unreadable
from autograder.course.cells import grade_id_of
from autograder.course.course import digest
from autograder.course.reading import read_regular
from autograder.engine.digests import content_of, data_digest, files_in
from autograder.engine.job import Job
from autograder.engine.slots import uses_gpu
from autograder.sandbox import BoxSettings

if TYPE_CHECKING:
    from autograder.engine.hand_ins import Taken

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
    "engine/digests.py",
    "engine/job.py",
    "engine/judge.py",
    "engine/slots.py",
    "engine/training_data.py",
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


def writing_key(course: Course, assignment: str, folder: Path, taken: Mapping[str, Taken]) -> str:
    """The digest of what is written into the gradebook besides judgements, or decides over it.

    That is the notebooks' texts, written answers among them, the points of all notebooks, also of those that
    are missing, the time of the hand-in, and what the course takes off for a late one, but for the due date.
    """
    try:
        handed_in = read_regular(folder / "timestamp.txt", 1000)
    except (Unreadable, OSError):
        handed_in = b""
    cells = [
        (name, cell.cell_type, grade_id_of(cell), cell.source)
        for name, one in taken.items()
        for cell in one.notebook.cells
    ]
    said = [(name, one.repairs, one.unreadable) for name, one in taken.items()]
    late = course.config.get("AssignLatePenalties", {})
    return digest(
        json.dumps([cells, said]),
        *(_points(source) for source in course.notebooks(assignment).values()),
        handed_in,
        repr(late),
    )


def _points(source: SourceNotebook) -> str:
    return json.dumps([(cell.grade_id, cell.max_score, cell.manual) for cell in source.grade_cells])


def _graders(folder: Path, notebook: str) -> str:
    """The hidden tests of a notebook, and what is no other notebook's tests."""
    own = f"test_{notebook}.py"
    files = [
        path
        for path in files_in(folder)
        if path.name == own or not (path.parent == folder and path.name.startswith("test_"))
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

    Every installed package is in it, since a hand-in may import it.
    """
    root = Path(autograder.__file__).parent
    files = [path for room in _ROOMS for path in files_in(root / room)]
    python, machine = platform.python_version(), platform.machine()
    return {"kit": content_of(root, files), "Python": python, "machine": machine, **packages()}


def packages() -> dict[str, str]:
    """The installed packages and their versions, by the names of their folders of metadata."""
    found: dict[str, str] = {}
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(place).glob("*.dist-info"):
            name, _, version = path.stem.partition("-")
            found[re.sub(r"[-_.]+", "-", name).lower()] = version
    return found


@lru_cache(maxsize=1)
def _kit() -> str:
    return digest(*(f"{name} {version}" for name, version in environment().items()))
