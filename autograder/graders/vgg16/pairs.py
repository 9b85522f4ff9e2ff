"""What is wrong with the images and labels that a loader gives, in words for the student."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

TEST_FROM = 100_000  # test images are numbered from here, training images from 0
KINDS = {"train": "training", "test": "test"}

Labels = np.ndarray[Any, np.dtype[np.int64]]


def wrong_pairs(kind: str, pairs: Sequence[tuple[int, Any]], labels: Mapping[str, Labels]) -> str:
    """A sentence where an epoch's images are of another set, or have other labels; else nothing.

    Args:
        kind: of the loader, `train` or `test`.
        pairs: an image's number and the label that came with it, for each image that came.
        labels: of each set, in its order.
    """
    first = {"train": 0, "test": TEST_FROM}
    own = labels[kind]
    (other,) = set(labels) - {kind}
    numbers = np.array([number for number, _ in pairs], dtype=np.int64)

    def of(name: str) -> Any:
        return (numbers >= first[name]) & (numbers < first[name] + len(labels[name]))

    if not (of(kind) | of(other)).all():
        return "Each image should come with its own label; yours do not."
    if of(other).all():
        return f"The {KINDS[kind]} loader gives the {KINDS[other]} images."
    if of(other).any():
        return f"The {KINDS[kind]} loader gives {KINDS[other]} images among its own."
    if any(isinstance(label, list) for _, label in pairs):
        return "A label should be one number, that of its class. Are yours one-hot vectors?"
    if not all(isinstance(label, int) and not isinstance(label, bool) for _, label in pairs):
        return "A label should be a whole number, that of its class."
    seen = np.array([label for _, label in pairs])
    places = numbers - first[kind]
    if (seen == own[places]).all():
        return ""
    for words, wrong in _mistakes(own).items():
        if (seen == wrong(places)).all():
            return f"Each image should come with its own label; yours come with {words}."
    if sorted(seen) == sorted(own[places]):
        return (
            "Each image should come with its own label; yours are the right ones in another order. Are "
            "images and labels shuffled separately?"
        )
    return "Each image should come with its own label; yours do not."


def _mistakes(own: Labels) -> dict[str, Callable[[Labels], Labels]]:
    """Labels in place of an image's own, by its place in the set."""
    return {
        "the label of the image before": lambda places: own[places - 1],
        "the label of the image behind": lambda places: own[(places + 1) % len(own)],
        "the labels of the set in reverse order": lambda places: own[::-1][places],
        "labels that are one too large": lambda places: own[places] + 1,
        "labels that are one too small": lambda places: own[places] - 1,
    }
