"""The short run on real images, where AUTOGRADER_CIFAR10 names a folder of CIFAR-10."""

from __future__ import annotations

import os

import pytest

from autograder.graders.vgg16 import reference, runs, short_run

FOLDER = os.environ.get("AUTOGRADER_CIFAR10", "")


@pytest.mark.skipif(not FOLDER, reason="AUTOGRADER_CIFAR10 names no folder of CIFAR-10")
def test_the_reference_reaches_the_thresholds_for_real_images() -> None:
    """Photographs are harder than drawings, so they have thresholds of their own."""
    thresholds = short_run.load_thresholds("cifar10")
    run = short_run.drawn_run(34, runs.images_of(FOLDER))
    result = run.judge(short_run.short_run(reference.fit, **run.data))
    assert result.loss_ratio <= thresholds.loss_ratio < 1
    assert result.accuracy >= thresholds.accuracy > 0.1  # chance
