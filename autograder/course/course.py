"""A course: the folder that holds `course_config.py`, and what that file sets."""

from __future__ import annotations

import fnmatch
import os
import secrets
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from traitlets import Int, List, Unicode
from traitlets.config import Config, Configurable
from traitlets.config.loader import PyFileConfigLoader

import autograder
from autograder.course.cells import SourceNotebook, read_source
from autograder.errors import KitError

CONFIG = "course_config.py"
_OF_STUDENTS = ("submitted", "autograded", "feedback", "downloaded")  # nbgrader's folders
RECORDS = "records"


class CourseSettings(Configurable):
    """Settings of a course, in `course_config.py` as `c.CourseSettings.…`."""

    graders_directory = Unicode(
        "",
        help="Folder with the hidden graders, one folder an assignment. Relative to the course; by "
        "default the graders that come with the kit. It is never visible in the box.",
    ).tag(config=True)
    cases_directory = Unicode(
        "tests/cases",
        help="Folder with right and wrong cases that show what the hidden graders tell apart, "
        "one folder an assignment; a course of one assignment may leave that level out. Relative to "
        "the course.",
    ).tag(config=True)
    data_directory = Unicode(
        "",
        help="Folder in CIFAR-10's own format. The box gets a small part of its training images; the "
        "test images stay with the graders. By default images drawn by code are used.",
    ).tag(config=True)
    timezone = Unicode(
        "",
        help="The zone in which times are meant that name none, in a submission's timestamp.txt: a name as "
        "in Europe/Berlin. It also decides what IST or CST is. By default the zone of nbgrader's exchange, "
        "c.Exchange.timezone, which is UTC where nothing else is set.",
    ).tag(config=True)
    max_notebook_mib = Int(
        150,
        min=1,
        help="A submitted notebook that is larger, nearly always by its outputs, is not opened: it is "
        "`ungraded` and staff are told. Reading one takes three to nine times its size in memory.",
    ).tag(config=True)
    bonus = List(
        Unicode(),
        help="Names of the bonus items that this course gives, of those that an assignment's contract.toml "
        "announces: extra points for a file beside the notebooks, which the judge alone reads. For vgg16: "
        "trained_weights_tests, which needs real images (data_directory).",
    ).tag(config=True)
    gpus = List(
        Int(min=0),
        help="Numbers of the GPUs on which notebooks are judged, as nvidia-smi counts them; by default "
        "none. They take the place of c.BoxSettings.gpu, which puts all boxes on one GPU at once.",
    ).tag(config=True)
    gpu_slots = Int(
        1,
        min=1,
        help="Boxes that share a GPU at a time, each with an equal part of its memory (less what the judge "
        "needs there), and never more than c.BoxSettings.gpu_memory_mib. One that runs out of it is judged "
        "again alone.",
    ).tag(config=True)
    gpu_notebooks = List(
        Unicode(),
        default_value=["*"],
        help="Names of the notebooks that get a GPU, with * as in a shell; the others are judged without "
        "one, and wait for none.",
    ).tag(config=True)


@dataclass(frozen=True)
class Course:
    """One course on disk. Made by `load_course`."""

    root: Path
    config: Config
    settings: CourseSettings

    @property
    def records(self) -> Path:
        """What the kit keeps: gradebook, scorecards, the course's secret. For staff only."""
        return self.root / RECORDS

    def source(self, assignment: str) -> Path:
        return self.root / "source" / assignment

    def submitted(self, student: str, assignment: str) -> Path:
        return self.root / "submitted" / student / assignment

    def autograded(self, student: str, assignment: str) -> Path:
        return self.root / "autograded" / student / assignment

    def assignments(self) -> list[str]:
        """The assignments that have source notebooks, by name."""
        return sorted({path.parent.name for path in self.root.glob("source/*/*.ipynb")})

    def students(self, assignment: str, pattern: str = "*") -> list[str]:
        """Who handed in a folder for this assignment."""
        folders = self.root.glob(f"submitted/*/{assignment}")
        names = sorted(folder.parent.name for folder in folders if folder.is_dir())
        return [name for name in names if fnmatch.fnmatchcase(name, pattern)]

    def notebooks(self, assignment: str) -> dict[str, SourceNotebook]:
        """The assignment's source notebooks by name.

        Raises:
            KitError: when the assignment does not exist or a notebook of it is damaged.
        """
        found = {
            path.stem: _read_source(path, status.st_size, status.st_mtime_ns)
            for path in sorted(self.source(assignment).glob("*.ipynb"))
            for status in [path.stat()]
        }
        if not found:
            known = ", ".join(self.assignments()) or "none"
            raise KitError(
                f"There is no assignment `{assignment}` in {self.root / 'source'} (there: {known})."
            )
        return found

    def graders(self, assignment: str) -> Path:
        """The folder with the hidden graders of an assignment."""
        if self.settings.graders_directory:
            base = self.root / self.settings.graders_directory
        else:
            base = Path(autograder.__file__).parent / "graders"
        return base / assignment

    def cases(self, assignment: str) -> Path:
        """The folder with the right and wrong cases of an assignment."""
        base = self.root / self.settings.cases_directory
        return base / assignment if (base / assignment).is_dir() else base

    def secret(self) -> bytes:
        """The course's secret, from which challenges are drawn; made on first use.

        Keep it with the gradebook: another secret draws other challenges.

        Raises:
            KitError: when it is empty, for then everyone would know it.
        """
        path = self.records / "secret"
        if not path.exists():
            self.make_records()
            fresh = path.with_suffix(f".{secrets.token_hex(8)}")
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_hex(32))
            try:
                os.link(fresh, path)  # atomic: of two that start at once, one wins
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        secret = path.read_text().strip().encode()
        if not secret:
            raise KitError(f"{path} is empty. Restore it, or delete it to have a new secret made.")
        return secret

    def make_records(self) -> Path:
        """The folder for records, made if needed, closed to other users."""
        self.records.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.records


@lru_cache(maxsize=64)
def _read_source(path: Path, _size: int, _changed_ns: int) -> SourceNotebook:
    """Every submission asks for the sources several times, and nobody changes what was read."""
    return read_source(path)


def find_course(start: Path) -> Path:
    """The course at or above a folder; never one that lies in another course's submissions.

    Its `course_config.py` is run, and what a student handed in must not be.

    Raises:
        KitError: when there is none.
    """
    start = start.resolve()
    found = [folder for folder in (start, *start.parents) if (folder / CONFIG).is_file()]
    for number, folder in enumerate(found):
        untrusted = (outer / name for outer in found[number + 1 :] for name in _OF_STUDENTS)
        if not any(folder.is_relative_to(place) for place in untrusted):
            return folder
    raise KitError(
        f"There is no course at or above {start}: no {CONFIG} was found. Go into the course's folder, or "
        "name it with --course DIR."
    )


def load_course(root: Path) -> Course:
    """Read a course's configuration.

    Raises:
        KitError: when `course_config.py` cannot be read, or does not connect nbgrader to the kit.
    """
    root = root.resolve()
    path = root / CONFIG
    if not path.is_file():
        raise KitError(f"{root} is no course: it has no {CONFIG}.")
    try:
        config = PyFileConfigLoader(CONFIG, path=str(root)).load_config()
        settings = CourseSettings(config=config)
    except Exception as error:
        raise KitError(
            f"{path} cannot be read: {type(error).__name__}: {error}. Correct it."
        ) from error
    if "SubmissionExporter" not in str(config.Autograde.get("exporter_class", "")):
        raise KitError(
            f"{path} does not connect nbgrader to this kit. Call `configure(c, __file__)` from "
            "autograder.nbgrader_plugin in it."
        )
    return Course(root, config, settings)


def course_at(root: Path) -> Course:
    """`load_course`, but read again only when the configuration has changed.

    Raises:
        KitError: when it cannot be read.
    """
    path = root / CONFIG
    try:
        status = path.stat()
    except OSError:
        raise KitError(f"{root} is no course: it has no {CONFIG}.") from None
    return _course(root, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4)
def _course(root: Path, _size: int, _changed_ns: int) -> Course:
    return load_course(root)
