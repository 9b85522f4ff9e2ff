"""A course: the folder that holds `course_config.py`, and what that file sets."""

from __future__ import annotations

import fnmatch
import os
import secrets
import warnings
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

from traitlets import Bool, Enum, Int, List, Unicode
from traitlets.config import Config, Configurable
from traitlets.config.loader import PyFileConfigLoader

import autograder
from autograder.course.cells import SourceNotebook, read_source
from autograder.course.folders import Folders, lies_with_students
from autograder.course.markers import Markers
from autograder.errors import KitError

CONFIG = "course_config.py"
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
        help="Folder with images: train.npz and test.npz, as `autograder data pack` writes them, or the "
        "official cifar-10-batches-py. The box gets a small part of its training images; the test images "
        "stay with the graders. By default images drawn by code are used.",
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
    stderr_costs_points = Bool(
        True,
        help="Whether anything that a cell of tests writes to stderr, a warning too, costs it its points, as "
        "in nbgrader. Only for items that are judged by the tests in their own cells.",
    ).tag(config=True)
    bonus = List(
        Unicode(),
        help="Names of the bonus items that this course gives, of those that an assignment's contract.toml "
        "announces: extra points for a file beside the notebooks, which the judge alone reads. For vgg16: "
        "trained_weights_tests, which needs real images (data_directory).",
    ).tag(config=True)
    trial_quota = Int(
        0,
        min=0,
        help="How many different submissions a student may have judged by `score --trial` within 24 hours, "
        "of each assignment. The same one again does not count. 0: as many as they like.",
    ).tag(config=True)
    trial_shows = Enum(
        ["points", "hints", "verdicts"],
        "points",
        help="What a trial tells: `points` with hints, `hints` without points, or `verdicts` alone.",
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

    @cached_property
    def folders(self) -> Folders:
        """Where nbgrader's steps lie."""
        return Folders.of(self.root, self.config)

    @cached_property
    def markers(self) -> Markers:
        """What stands in the source notebooks for nbgrader."""
        return Markers(self.root, self.config)

    def source(self, assignment: str) -> Path:
        return self.folders.own_path("source", assignment)

    def release(self, assignment: str) -> Path:
        return self.folders.own_path("release", assignment)

    def solution(self, assignment: str) -> Path:
        return self.folders.own_path("solution", assignment)

    def submitted(self, student: str, assignment: str) -> Path:
        return self.folders.path("submitted", student, assignment)

    def autograded(self, student: str, assignment: str) -> Path:
        return self.folders.path("autograded", student, assignment)

    def feedback(self, student: str, assignment: str) -> Path:
        return self.folders.path("feedback", student, assignment)

    def shown(self, path: Path) -> str:
        """A path as messages name it: from the course's folder on."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    def assignments(self) -> list[str]:
        """The assignments that have source notebooks, by name."""
        folders = self.folders.assignments("source")
        return [name for name, folder in folders if name[0] != "." and any(folder.glob("*.ipynb"))]

    def students(self, assignment: str, pattern: str = "*") -> list[str]:
        """Who handed in a folder for this assignment, but for those whom `c.CourseDirectory` leaves out."""
        section = self.config.CourseDirectory
        excluded = {name.strip() for name in section.get("student_id_exclude", "").split(",")}
        patterns = (pattern, section.get("student_id", "*"))
        return sorted(
            name
            for name, _ in self.folders.students("submitted", assignment)
            if name not in excluded and all(fnmatch.fnmatchcase(name, glob) for glob in patterns)
        )

    def notebooks(self, assignment: str) -> dict[str, SourceNotebook]:
        """The assignment's source notebooks by name.

        Raises:
            KitError: when the assignment does not exist or a notebook of it is damaged.
        """
        sources = {
            path.stem: self._notebook(path, assignment)
            for path in sorted(self.source(assignment).glob("*.ipynb"))
        }
        if not sources:
            known = ", ".join(self.assignments()) or "none"
            raise KitError(
                f"There is no assignment `{assignment}`: no notebook lies in {self.source(assignment)} "
                f"(there: {known})."
            )
        return sources

    def _notebook(self, path: Path, assignment: str) -> SourceNotebook:
        around = self.config.get("IncludeHeaderFooter", {})
        extra = [self.root / str(around[name]) for name in ("header", "footer") if around.get(name)]
        released = self.release(assignment) / path.name
        written = self.written_tests(assignment) / f"{path.stem}.json"
        kept = self.records / "released" / assignment / f"{path.stem}.json"
        states = tuple(_state(file) for file in (path, released, written, *extra))
        return _read_source(path, self.markers, released, written, kept, states)

    def written_tests(self, assignment: str) -> Path:
        """The folder for tests that nbgrader wrote at the release and students do not get; see `cells`."""
        return self.records / "written_tests" / assignment

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
def _read_source(
    path: Path,
    markers: Markers,
    released: Path,
    written: Path,
    kept: Path,
    _states: tuple[tuple[int, int], ...],
) -> SourceNotebook:
    """Every submission asks for the sources several times, and nobody changes what was read."""
    source = read_source(path, markers)
    return replace(source, release=released, written=written, kept=kept)


def _state(file: Path) -> tuple[int, int]:
    """Changes when a file does."""
    try:
        status = file.stat()
    except OSError:
        return (0, 0)
    return status.st_size, status.st_mtime_ns


def find_course(start: Path) -> Path:
    """The course at or above a folder; never one that lies in another course's submissions.

    Its `course_config.py` is run, and what a student handed in must not be.

    Raises:
        KitError: when there is none.
    """
    start = start.resolve()
    courses = [folder for folder in (start, *start.parents) if (folder / CONFIG).is_file()]
    for number, folder in enumerate(courses):
        around = courses[number + 1 :]
        if not any(lies_with_students(folder, outer / CONFIG) for outer in around):
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
    config, settings = read_settings(path)
    if "SubmissionExporter" not in str(config.Autograde.get("exporter_class", "")):
        raise KitError(
            f"{path} does not connect nbgrader to this kit. Call `configure(c, __file__)` from "
            "autograder.nbgrader_plugin in it."
        )
    course = Course(root, config, settings)
    _ = course.folders  # refuses what would put two steps into one folder
    return course


def read_settings(path: Path) -> tuple[Config, CourseSettings]:
    """What a file of configuration says, as a whole and of the course.

    Raises:
        KitError: when it cannot be read.
    """
    try:
        config = PyFileConfigLoader(path.name, path=str(path.parent)).load_config()
        with warnings.catch_warnings():
            # `unhonoured` names a setting that does not exist, wherever it is.
            warnings.filterwarnings("ignore", message="Config option `.*` not recognized by")
            return config, CourseSettings(config=config)
    except Exception as error:
        raise KitError(
            f"{path} cannot be read: {type(error).__name__}: {error}. Correct it."
        ) from error


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
