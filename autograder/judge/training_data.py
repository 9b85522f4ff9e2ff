"""What of a course's data set a box may read: some training images, never a test image.

And what only the judge reads, of the test images.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.digest import folder_digest
from autograder.errors import KitError

# Training part, test part (pixels and labels each) and the classes' names.
_Parts = tuple[tuple[Any, list[int]], tuple[Any, list[int]], Sequence[str]]

TRAIN_IMAGES = 2000
TEST_IMAGES = 500
JUDGE_IMAGES = 5000


def data_digest(course: Course) -> str:
    """The digest of the course's training data."""
    named = course.settings.data_directory
    return "drawn" if not named else folder_digest(course.root / named)


def box_data_place(course: Course) -> Path:
    """Where `box_data` keeps what it made."""
    return _place(course, "box_data")


def judge_images_place(course: Course) -> Path:
    """Where `judge_images` keeps what it made."""
    return _place(course, "judge_data")


def _place(course: Course, kind: str) -> Path:
    root = (course.root / course.settings.data_directory).resolve()
    name = root.as_posix().strip("/").replace("/", "-")
    return course.make_records() / kind / f"{name}-{data_digest(course)[:16]}"


def box_data(course: Course) -> Path | None:
    """A small folder in CIFAR-10's format for the box, or None for the images drawn by code.

    Both its training part and what stands in for a test part are cut from the training images of
    the course's folder, so the test images and their labels never enter a box. Made once for each
    content of the folder.

    Raises:
        KitError: when the folder that `c.CourseSettings.data_directory` names cannot be read.
    """
    named = course.settings.data_directory
    return _cut(course, box_data_place(course), _for_the_box) if named else None


def judge_images(course: Course) -> Path | None:
    """Test images of the course's folder, as the training part of a folder that no box sees.

    From them the judge takes what it trains and tests a submission's network with; what it trains with is
    sent into the box, the rest stays here. None for the images drawn by code.

    Raises:
        KitError: when the folder that `c.CourseSettings.data_directory` names cannot be read.
    """
    named = course.settings.data_directory
    return _cut(course, judge_images_place(course), _for_the_judge) if named else None


def _for_the_box(root: Path) -> _Parts:
    from autograder.data import load_images

    images = load_images(root, train=True, limit=TRAIN_IMAGES + TEST_IMAGES)
    half = max(1, len(images) - TEST_IMAGES)
    train = (images.data[:half], images.targets[:half])
    return train, (images.data[half:], images.targets[half:]), images.classes


def _for_the_judge(root: Path) -> _Parts:
    from autograder.data import load_images

    images = load_images(root, train=False, limit=JUDGE_IMAGES)
    one = (images.data[:1], images.targets[:1])  # the form asks for a test part
    return (images.data, images.targets), one, images.classes


def _cut(course: Course, target: Path, read: Callable[[Path], _Parts]) -> Path:
    """The folder `target`, with what `read` takes of the course's folder, unless it is there."""
    if target.is_dir():
        return target
    from autograder.data import write_cifar_folder

    root = (course.root / course.settings.data_directory).resolve()
    try:
        parts = read(root)
    except Exception as error:
        raise KitError(
            f"The images in {root} cannot be read ({error}). Correct "
            "c.CourseSettings.data_directory in course_config.py."
        ) from error
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        try:
            write_cifar_folder(fresh, *parts)
        except ValueError as error:
            raise KitError(
                f"The images in {root} do not do for a course: {error} Add images, or correct "
                "c.CourseSettings.data_directory in course_config.py."
            ) from error
        fresh.chmod(0o755)
        fresh.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was faster
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target
