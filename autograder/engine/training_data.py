"""What of a course's data set a box may read: some training images, never a test image."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from autograder.course import Course
from autograder.errors import KitError

TRAIN_IMAGES = 2000
TEST_IMAGES = 500


def box_data_place(course: Course) -> Path:
    """Where `box_data` keeps what it made."""
    root = (course.root / course.settings.data_directory).resolve()
    return course.make_records() / "box_data" / root.as_posix().strip("/").replace("/", "-")


def box_data(course: Course) -> Path | None:
    """A small folder in CIFAR-10's format for the box, or None for the images drawn by code.

    Both its training part and what stands in for a test part are cut from the training images of
    the course's folder, so the test images and their labels never enter a box. Made once, and again
    when the folder's name changes.

    Raises:
        KitError: when the folder that `c.CourseSettings.data_directory` names cannot be read.
    """
    named = course.settings.data_directory
    if not named:
        return None
    root = (course.root / named).resolve()
    target = box_data_place(course)
    if target.is_dir():
        return target
    from autograder.data import load_images, write_cifar_folder

    try:
        images = load_images(root, train=True, limit=TRAIN_IMAGES + TEST_IMAGES)
    except Exception as error:
        raise KitError(
            f"The training images in {root} cannot be read ({error}). Correct "
            "c.CourseSettings.data_directory in course_config.py."
        ) from error
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        half = max(1, len(images) - TEST_IMAGES)
        train = (images.data[:half], images.targets[:half])
        test = (images.data[half:], images.targets[half:])
        write_cifar_folder(fresh, train, test, images.classes)
        fresh.chmod(0o755)
        fresh.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was faster
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target
