"""The images of training checks and runs, and digests of them, for all assignments.

Twelve hexadecimal digits stand for a set of images, so that thresholds are never used for another one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autograder.data import draw_images, load_images
from autograder.grading.calibration import short_digest

Source = Callable[[int, int], tuple[torch.Tensor, torch.Tensor]]


def images_and_labels(
    rng: np.random.Generator, count: int, *, classes: int, **_options: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of noise (count, 3, 8, 8), for small networks, and labels that mean nothing."""
    images = torch.from_numpy(rng.normal(size=(count, 3, 8, 8))).float()
    return images, torch.from_numpy(rng.integers(0, classes, count))


def drawn(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images drawn by code, bytes (count, 32, 32, 3), and their labels (count,)."""
    pixels, labels = draw_images(count, seed)
    return torch.from_numpy(pixels), torch.from_numpy(labels)


def images_of(folder: str) -> Source:
    """The same from the training images of a folder, as `load_images` reads it."""
    images = load_images(folder, train=True)
    labels = np.array(images.targets, dtype=np.int64)

    def source(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = np.random.default_rng(seed).choice(len(labels), count, replace=False)
        return torch.from_numpy(images.data[chosen]), torch.from_numpy(labels[chosen])

    return source


def unit_pixels(pixels: Any) -> Any:
    """Bytes (n, 32, 32, 3) as a network takes them: (n, 3, 32, 32) from 0 to 1. Shipped into the box."""
    return pixels.permute(0, 3, 1, 2).float() / 255


def digest_of(images: Path | None) -> str:
    """Of a folder's training images, or of those that are drawn."""
    return drawn_digest() if images is None else folder_digest(images)


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
