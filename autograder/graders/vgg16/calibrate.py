"""The runs that the thresholds of `test_a_short_run_learns` come from: `autograder calibrate vgg16`.

Each run has a network, training images and hidden images of its own, drawn with its seed. The right
ones train with the reference; the wrong ones with the loops and fits that the graders know as
mistakes. Both go through the hidden test's own run, so a run here is a run there.

On a GPU the same is done with the short run of the real VGG16, for thresholds of its own.

The scales of the two goals were chosen on the first 400 seeds, where loss ratios and accuracies themselves
had heavy tails on the failing side (one of 400 runs lay 4.0 deviations out on the scale of the ratio's
logarithm). So what these seeds say of normality flatters; 2,995 runs need no scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from autograder.graders.image_sources import digest_of, images_of
from autograder.graders.vgg16 import full_run, reference, short_run, tasks
from autograder.grading import Mismatch
from autograder.grading.calibration import Calibration
from autograder.grading.training import around, figures_of, loop


def calibration(images: Path | None, device: str = "cpu") -> Calibration:
    """The runs on drawn images, as in grading, or on a folder of images.

    Args:
        device: "cpu" for the short size; "cuda" for the real VGG16, on the GPU that torch takes first.
    """
    wrong = wrong_fits()
    run = short_run.SHORT
    if images is not None:
        run = replace(run, source=images_of(str(images)), kind="cifar10")
    offered = run.calibration(
        reference.fit,
        # The short run's own learning rate is 1e-3, so a fit that has it by heart is not wrong there.
        {name: fit for name, fit in wrong.items() if "rate were 1e-3" not in name},
        data_set=digest_of(images),
        reference=reference.TRAINING,
        mistakes=(loop, around),
    )
    if device == "cpu":
        return offered
    source = full_run.source_of(images)

    def run_of(fit: Callable[..., Any]) -> Callable[[int], dict[str, float] | None]:
        def run(seed: int) -> dict[str, float] | None:
            drawn = full_run.drawn_run(seed, source, device)
            try:
                result = drawn.judge(full_run.full_run(fit, **drawn.data))
            except Mismatch:
                return None
            return figures_of(result, short_run.GOALS)

        return run

    title = torch.cuda.get_device_name() if device == "cuda" else device
    return replace(
        offered,
        test=full_run.TEST,
        images=full_run.kind_of(images),
        made_from=full_run.made_from(images, title),
        right=run_of(reference.fit),
        wrong={name: run_of(fit) for name, fit in wrong.items()},
    )


def wrong_fits() -> dict[str, Callable[..., Any]]:
    """Everything that the graders know as a mistake in training."""
    loops = {name: around(loop, tasks.TASK) for name, loop in tasks.WRONG_LOOPS.items()}
    return {**loops, **tasks.WRONG_FITS}
