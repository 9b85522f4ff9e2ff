"""The runs that the thresholds of `test_a_short_run_learns` come from: `autograder calibrate vgg16`.

Each run has a network, training images and hidden images of its own, drawn with its seed. The right
ones train with the reference; the wrong ones with the loops and fits that the graders know as
mistakes. Both go through the grader's own `Run`, so a run here is a run there.

On a GPU the same is done with the short run of the real VGG16, for thresholds of its own.

The two figures are put on scales on which right runs are nearly normal: how many times smaller the loss
became, and the logarithm of the error rate. Loss ratios and accuracies themselves have heavy tails on the
failing side (of 400 runs one lay 4.0 deviations out on the scale of the ratio's logarithm). The scales
were chosen on the first 400 seeds, so what these seeds say of normality flatters; 2,995 runs need no scale.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autograder.data import draw_images
from autograder.graders.vgg16 import full_run, reference, short_run, tasks
from autograder.graders.vgg16.image_digests import drawn_digest, folder_digest
from autograder.graders.vgg16.networks import short_vgg
from autograder.graders.vgg16.runs import Run, Source, images_of
from autograder.grading import Mismatch, Probe
from autograder.grading.calibration import Calibration, Criterion, short_digest, source_digest
from autograder.grading.training import around, drawn_state, loop

Fit = Callable[..., Any]


CRITERIA = (
    Criterion(
        name="loss_ratio",
        smaller_is_better=True,
        limit=0.95,  # the loss must fall
        scale="first loss / last loss",
        badness=lambda ratios: -1 / ratios,
        figure=lambda badness: -1 / badness if badness < 0 else math.inf,
    ),
    Criterion(
        name="accuracy",
        smaller_is_better=False,
        limit=0.12,  # guessing reaches 0.1
        scale="log of the error rate",
        badness=lambda accuracies: np.log(
            np.maximum(1 - accuracies, 0.5 / short_run.SHORT.hidden_images)
        ),
        figure=lambda badness: 1 - math.exp(badness),
    ),
)


def calibration(images: Path | None, device: str = "cpu") -> Calibration:
    """The runs on drawn images, as in grading, or on a folder of images.

    Args:
        device: "cpu" for the short size; "cuda" for the real VGG16, on the GPU that torch takes first.
    """
    if device != "cpu":
        return _of_the_real_vgg16(images, device)
    source = draw_images if images is None else images_of(str(images))

    def run_of(fit: Fit) -> Callable[[int], dict[str, float] | None]:
        return lambda seed: one_run(fit, seed, source)

    # The short run's own learning rate is 1e-3, so a fit that has it by heart is not wrong there.
    fits = {name: fit for name, fit in wrong_fits().items() if "rate were 1e-3" not in name}
    return Calibration(
        test="short_run",
        images="drawn" if images is None else "cifar10",
        criteria=CRITERIA,
        made_from={
            "data_set": drawn_digest() if images is None else folder_digest(images),
            "network": source_digest(short_vgg, drawn_state),
            "budget": {
                name: getattr(short_run.SHORT, name)
                for name in ("images", "hidden_images", "epochs", "batch_size", "learning_rate")
            },
            "short_run": source_digest(short_run.short_run.function, Run, short_run.drawn_run),
            "reference": source_digest(
                reference.fit,
                reference.train_epoch,
                reference.validate,
                reference.make_criterion_and_optimizer,
            ),
            "versions": {"torch": torch.__version__, "numpy": np.__version__},
        },
        right=run_of(reference.fit),
        wrong={name: run_of(fit) for name, fit in fits.items()},
        wrong_digest=wrong_digest(),
    )


def _of_the_real_vgg16(images: Path | None, device: str) -> Calibration:
    source = full_run.source_of(images)

    def run_of(fit: Fit) -> Callable[[int], dict[str, float] | None]:
        def run(seed: int) -> dict[str, float] | None:
            drawn = full_run.drawn_run(seed, source, device)
            return figures(drawn, full_run.full_run, fit)

        return run

    title = torch.cuda.get_device_name() if device == "cuda" else device
    return Calibration(
        test=full_run.TEST,
        images=full_run.kind_of(images),
        criteria=CRITERIA,
        made_from=full_run.made_from(images, title),
        right=run_of(reference.fit),
        wrong={name: run_of(fit) for name, fit in wrong_fits().items()},
        wrong_digest=wrong_digest(),
    )


def wrong_fits() -> dict[str, Fit]:
    """Everything that the graders know as a mistake in training."""
    loops = {name: around(loop, tasks.TASK) for name, loop in tasks.WRONG_LOOPS.items()}
    return {**loops, **tasks.WRONG_FITS}


def wrong_digest() -> str:
    files = (Path(inspect.getfile(part)) for part in (loop, around))
    return short_digest(*(file.read_bytes() for file in files))


def one_run(fit: Fit, seed: int, source: Source) -> dict[str, float] | None:
    """Loss ratio and hidden accuracy after training by `fit`; None where the parameters broke."""
    return figures(short_run.drawn_run(seed, source), short_run.short_run, fit)


def figures(run: Run, ask: Probe, fit: Fit) -> dict[str, float] | None:
    """What a fit comes to in a run; None where the parameters broke."""
    try:
        result = run.judge(ask(fit, **run.data))
    except Mismatch:
        return None
    return {"loss_ratio": result.loss_ratio, "accuracy": result.accuracy}
