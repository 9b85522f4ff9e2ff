"""Twelve hexadecimal digits for a set of images, so that thresholds are never used for another one."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from autograder.data import draw_images, load_images
from autograder.grading.calibration import short_digest


def drawn_digest() -> str:
    """Of the images drawn by code: of the first twenty."""
    return "drawn by code, " + _digest(*draw_images(20, 0))


@lru_cache(maxsize=2)
def folder_digest(folder: Path) -> str:
    """Of the training images of a folder, as `load_images` reads it."""
    images = load_images(folder, train=True)
    return f"{len(images)} images, " + _digest(images.data, np.array(images.targets))


def _digest(pixels: Any, labels: Any) -> str:
    return short_digest(np.ascontiguousarray(pixels).data, labels.astype("<i8").tobytes())
