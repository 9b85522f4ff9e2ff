"""Writes a course's own images as `train.npz` and `test.npz`, which `load_images` reads.

They are NumPy's archives of the arrays `images` (uint8 `(n, 32, 32, 3)`, RGB), `labels` (int64 `(n,)`)
and `classes` (the labels' names). Nothing in them can run, and anything that has NumPy writes them.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autograder.data.course_data import Images, Labels, Pixels

_Part = tuple[Pixels, Sequence[int] | Labels]  # images and their class numbers


def refuse_if_there(folder: Path) -> None:
    """Raise FileExistsError where `write_images` would have to write over something."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder}: is there already. Delete it, or name another folder.")


def write_images(
    folder: str | os.PathLike[str],
    classes: Sequence[str],
    train: _Part,
    test: _Part | None = None,
) -> Path:
    """Write images into a folder, for `load_images`.

    Args:
        folder: is made; if it is there it must be empty.
        classes: the classes' names, in the order of their numbers.
        train: images uint8 `(n, 32, 32, 3)` and their `n` class numbers.
        test: the same for the test part, where there is one.

    Returns:
        The folder. It appears complete or not at all, and the same images give the same bytes.

    Raises:
        FileExistsError: the folder holds something already.
        ValueError: the images or labels do not fit together, or there are none.
    """
    folder = Path(folder)
    refuse_if_there(folder)
    parts = {}
    for name, part in (("train", train), ("test", test)):
        if part is not None:
            parts[name] = Images(part[0], np.asarray(part[1]).tolist(), classes, name)
            if not len(parts[name]):
                raise ValueError(f"there are no {name} images.")
    unfinished = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    unfinished.mkdir(parents=True)
    try:
        for name, images in parts.items():
            np.savez(  # which writes no times into the archive
                unfinished / f"{name}.npz",
                images=np.ascontiguousarray(images.data),
                labels=np.array(images.targets, np.int64),
                classes=np.array(images.classes, str),
            )
        try:
            unfinished.rename(folder)  # which an empty folder does not hinder
        except OSError:
            refuse_if_there(folder)  # somebody else was faster
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder
