"""The short run on real images, where AUTOGRADER_CIFAR10 names a folder of CIFAR-10."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from autograder.graders.image_sources import images_of
from autograder.graders.vgg16 import reference, short_run

FOLDER = os.environ.get("AUTOGRADER_CIFAR10", "")


@pytest.mark.skipif(not FOLDER, reason="AUTOGRADER_CIFAR10 names no folder of CIFAR-10")
def test_the_reference_reaches_the_thresholds_for_real_images() -> None:
    """Photographs are harder than drawings, so they have thresholds of their own."""
    run = replace(short_run.SHORT, source=images_of(FOLDER), kind="cifar10")
    figures = run.figures(reference.fit, 34)
    assert figures is not None
    assert figures["loss_ratio"] <= run.thresholds["loss_ratio"] < 1
    assert figures["accuracy"] >= run.thresholds["accuracy"] > 0.1  # chance
