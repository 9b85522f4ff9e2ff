"""What of a course's data set a box may read: some training images, never a test image.

And what only the judge reads, of the test images.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.digest import folder_digest
from autograder.errors import KitError
from autograder.scorecard import counted

TRAIN_IMAGES = 2000
FEWEST_TRAIN_IMAGES = 5
TEST_IMAGES = 500
JUDGE_IMAGES = 5000


def data_digest(course: Course) -> str:
    """The digest of the course's training data."""
    named = course.settings.data_directory
    return "drawn" if not named else folder_digest(course.root / named)


BOX_IMAGES, JUDGE_IMAGES_KEPT = "box_images", "judge_images"  # folders in the records


def place_of(course: Course, kind: str) -> Path:
    """Where `box_data` or `judge_images` keeps what it made, by the name of its folder in the records."""
    root = (course.root / course.settings.data_directory).resolve()
    name = root.as_posix().strip("/").replace("/", "-")
    return course.make_records() / kind / f"{name}-{data_digest(course)[:16]}"


def box_data(course: Course) -> Path | None:
    """A small folder of images for the box, or None for the images drawn by code.

    Both its training part and what stands in for a test part are cut from the training images of
    the course's folder, so the test images and their labels never enter a box. Made once for each
    content of the folder.

    Raises:
        KitError: when the folder that `c.CourseSettings.data_directory` names cannot be read.
    """
    named = course.settings.data_directory
    return _cut(course, place_of(course, BOX_IMAGES), _for_the_box) if named else None


def judge_images(course: Course) -> Path | None:
    """Test images of the course's folder, as the training part of a folder that no box sees.

    From them the judge takes what it trains and tests a submission's network with; what it trains with is
    sent into the box, the rest stays here. None for the images drawn by code.

    Raises:
        KitError: when the folder that `c.CourseSettings.data_directory` names cannot be read.
    """
    named = course.settings.data_directory
    return _cut(course, place_of(course, JUDGE_IMAGES_KEPT), _for_the_judge) if named else None


def _for_the_box(root: Path) -> dict[str, Any]:
    from autograder.data import load_images

    images = load_images(root, train=True, limit=TRAIN_IMAGES + TEST_IMAGES)
    count = len(images) - TEST_IMAGES
    if count < FEWEST_TRAIN_IMAGES:
        raise ValueError(
            f"{counted(len(images), 'training image')} will not do; "
            f"{FEWEST_TRAIN_IMAGES + TEST_IMAGES} are the least."
        )
    train, test = (
        (images.data[part], images.targets[part]) for part in (slice(count), slice(count, None))
    )
    return {"classes": images.classes, "train": train, "test": test}


def _for_the_judge(root: Path) -> dict[str, Any]:
    from autograder.data import load_images

    images = load_images(root, train=False, limit=JUDGE_IMAGES)
    return {"classes": images.classes, "train": (images.data, images.targets)}


def _cut(course: Course, target: Path, read: Callable[[Path], dict[str, Any]]) -> Path:
    """The folder `target`, with what `read` takes of the course's folder, unless it is there."""
    if target.is_dir():
        return target
    from autograder.data import write_images

    root = (course.root / course.settings.data_directory).resolve()
    try:
        parts = read(root)
    except Exception as error:
        raise KitError(
            f"The images in {root} do not do for a course: {error} Add images, or correct "
            "c.CourseSettings.data_directory in course_config.py."
        ) from error
    try:
        return write_images(target, **parts)
    except FileExistsError:  # another process was faster
        return target
