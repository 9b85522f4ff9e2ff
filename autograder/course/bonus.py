"""Bonus items: extra points for a file that is handed in beside the notebooks, where a course gives them.

A bonus is a grade cell of 0 points, so it adds nothing to the total. What it may give, and for which file,
is announced in `contract.toml` beside the hidden tests::

    [bonus.3_training.trained_weights_tests]
    points = 5
    file = "vgg16.safetensors"
    max_mib = 600  # a larger file is not opened
    real_images = true  # it cannot be judged without c.CourseSettings.data_directory; by default it can

A course switches it on by name, in `c.CourseSettings.bonus`. Where it is off, or where a submission has no
such file, the item is on no scorecard, and its row in the gradebook is 0 of 0 points.

The file is for the judge alone. It is not sent into the box, and travels to no other machine.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course.cells import GradeCell, SourceNotebook
from autograder.course.contract import CONTRACT, contract_data
from autograder.course.course import Course
from autograder.course.reading import Unreadable, open_regular
from autograder.errors import KitError

SECTION = "bonus"


@dataclass(frozen=True)
class Bonus:
    """What is announced of one bonus item."""

    grade_id: str
    points: float
    file: str  # a name without folders
    max_mib: int
    real_images: bool = False


@dataclass(frozen=True)
class SubmittedFile:
    """A file that a submission brings for a bonus. Every byte of it is untrusted."""

    bonus: Bonus
    path: Path
    digest: str  # SHA-256 of the content; a file that is too large has its size there

    @property
    def key(self) -> str:
        """What the item's marks depend on, but for its hidden tests."""
        return f"{self.bonus!r} {self.digest}"


def read_bonuses(section: Mapping[str, Any]) -> dict[str, dict[str, Bonus]]:
    """The bonus items of a contract, by notebook and grade_id.

    Raises:
        ValueError: when an entry is none.
    """
    found: dict[str, dict[str, Bonus]] = {}
    for notebook, entries in section.items():
        for grade_id, entry in entries.items():
            known, images = {"points", "file", "max_mib"}, "real_images"
            if not isinstance(entry, dict) or entry.keys() - {images} != known:
                raise ValueError(f"the bonus `{grade_id}` needs {', '.join(sorted(known))}")
            if not isinstance(entry.get(images, False), bool):
                raise ValueError(f"the bonus `{grade_id}` needs true or false as {images}")
            points, file, max_mib = entry["points"], entry["file"], entry["max_mib"]
            if not _is_number(points) or not _is_number(max_mib) or points <= 0 or max_mib <= 0:
                raise ValueError(f"the bonus `{grade_id}` needs positive points and max_mib")
            if not isinstance(file, str) or Path(file).name != file or file.endswith(".ipynb"):
                raise ValueError(f"the bonus `{grade_id}` needs a file's name, without a folder")
            bonus = Bonus(grade_id, float(points), file, int(max_mib), entry.get(images, False))
            found.setdefault(notebook, {})[grade_id] = bonus
    return found


def announced(course: Course, assignment: str, notebook: str) -> Mapping[str, Bonus]:
    """The bonus items of a notebook by grade_id, whether the course gives them or not.

    Raises:
        KitError: when the contract cannot be read.
    """
    section = contract_data(course, assignment).get(SECTION, {})
    try:
        return read_bonuses(section).get(notebook, {})
    except (ValueError, TypeError, AttributeError) as error:
        path = course.graders(assignment) / CONTRACT
        raise KitError(f"{path} cannot be read: {error}. Correct it.") from error


def given(course: Course, assignment: str, notebook: str) -> dict[str, Bonus]:
    """The bonus items of a notebook that the course gives."""
    wanted = course.settings.bonus
    known = announced(course, assignment, notebook)
    return {name: bonus for name, bonus in known.items() if name in wanted}


def ordinary_cells(
    course: Course, assignment: str, source: SourceNotebook
) -> tuple[GradeCell, ...]:
    """The grade cells of a notebook that are no bonus."""
    extra = announced(course, assignment, source.name)
    return tuple(cell for cell in source.grade_cells if cell.grade_id not in extra)


def check_bonus(course: Course) -> None:
    """See whether the course gives only what some assignment of it announces, and can judge it.

    Raises:
        KitError: naming what none announces, or what is missing for it.
    """
    if not course.settings.bonus:
        return
    known: dict[str, Bonus] = {}
    for assignment in course.assignments():
        with contextlib.suppress(KitError):  # a draft, which is told when it is released or graded
            for notebook in course.notebooks(assignment):
                known |= announced(course, assignment, notebook)
    unknown = sorted({*course.settings.bonus} - known.keys())
    if unknown:
        raise KitError(
            f"c.CourseSettings.bonus names {', '.join(unknown)}, which no {CONTRACT} announces as a bonus "
            f"(there: {', '.join(sorted(known)) or 'none'}). Correct it in course_config.py."
        )
    blind = [name for name in course.settings.bonus if known[name].real_images]
    if blind and not course.settings.data_directory:
        raise KitError(
            f"The bonus {', '.join(blind)} can only be judged on real images. Name a folder with some in "
            "course_config.py (c.CourseSettings.data_directory), or take the bonus out."
        )


def digest_of(path: Path, most: int) -> str:
    """The digest of a file, read in pieces, for it may have half a gigabyte; of a larger one its size.

    Args:
        most: bytes that are read.

    Raises:
        OSError, Unreadable: when there is no such file, or only a link or a pipe.
    """
    with open_regular(path) as (stream, size):
        if size > most:
            return f"too large: {size}"
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find_bonus_files(
    folders: Iterable[Path],
    bonuses: Mapping[str, Bonus],
    digest_of: Callable[[Path, int], str] = digest_of,
) -> Iterator[SubmittedFile]:
    """The files that a submission brings for bonus items; a link or a pipe is none.

    Args:
        folders: where they may lie, the first one that has a file first.
        digest_of: as the function of that name.
    """
    places = list(dict.fromkeys(folders))
    for _, bonus in sorted(bonuses.items()):
        for folder in places:
            try:
                digest = digest_of(folder / bonus.file, bonus.max_mib * 2**20)
            except (Unreadable, OSError):
                continue
            yield SubmittedFile(bonus, folder / bonus.file, digest)
            break


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
