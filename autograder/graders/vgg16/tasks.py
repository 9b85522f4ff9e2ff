"""What notebook 3 is judged with: its tasks, checks, and fits that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from autograder.graders.image_sources import images_and_labels
from autograder.graders.vgg16 import reference
from autograder.graders.vgg16.networks import tiny_net
from autograder.grading import Challenge
from autograder.grading.training import (
    Drawn,
    EpochChecks,
    FitChecks,
    OptimizerChecks,
    Task,
    ValidationChecks,
    around,
    drawn_state,
    log_softmax,
    tells_apart,
    wrong_fits,
    wrong_loops,
)

TEST_BATCHES = 5


def images_alone(
    rng: np.random.Generator, count: int, **_options: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """A validation's labels come from the network's answers."""
    images = torch.from_numpy(rng.normal(size=(count, 3, 8, 8))).float()
    return images, torch.zeros(count, dtype=torch.int64)


def _task(
    norm: bool, classes: tuple[int, int], examples: Callable[..., Any] = images_and_labels
) -> Task:
    return Task(
        build=tiny_net,
        examples=examples,
        options=lambda rng: {"classes": int(rng.integers(*classes)), "norm": norm},
        loss="NLLLoss",
        activation=log_softmax,
        noun="image",
    )


TASK = _task(False, (4, 8))
WITH_NORM = _task(True, (4, 8))
FITTED = _task(True, (3, 4))

OPTIMIZER = OptimizerChecks()
EPOCH = EpochChecks(TASK, norm_task=WITH_NORM, reference=reference.train_epoch)
VALIDATION = ValidationChecks(_task(True, (5, 8), images_alone))


def fit_challenge(challenge: Challenge, epochs: int) -> Drawn:
    """A task that a small network learns in a few steps: which of three colours is strongest.

    What may be wrong must show whatever was drawn:

    - A wrong `validate`, in the accuracies. So the test images come in full batches, sorted by their
      class, which a network in training mode normalises away, and most labels of the first batch and
      all of the last one are wrong.
    - Accuracies of another moment, or of one for all epochs. So the network learns slowly enough.
    - A mean of batch means, in the losses. So the last training batch is smaller and has wrong labels.
    - A weight decay of any size. So one filter never answers, whatever the images: its large weights
      have no gradient, and nothing but a decay moves them.

    Should chance hide one of them nevertheless, but for the last, we draw again.
    """
    for attempt in range(200):
        drawn = Drawn(FITTED, _drawn(challenge, challenge.seed + attempt, epochs))
        if tells_apart(drawn, reference.train_epoch, reference.validate, torch.optim.Adam):
            break
    return drawn


def _drawn(challenge: Challenge, seed: int, epochs: int) -> dict[str, Any]:
    rng = challenge.rng
    classes, batch_size = 3, int(rng.integers(9, 13))
    count = {"": batch_size * 4 + 5, "test_": batch_size * TEST_BATCHES}
    data: dict[str, Any] = {}
    for part, number in count.items():
        labels = rng.integers(0, classes, number)
        if part:
            labels.sort()
        images = rng.normal(size=(number, 3, 8, 8))
        images[np.arange(number), labels] += 0.7
        for wrong in (
            (slice(3, batch_size), slice(-batch_size, None)) if part else (slice(-5, None),)
        ):
            labels[wrong] = (labels[wrong] + 1) % classes
        data[f"{part}inputs"] = torch.from_numpy(images).float()
        data[f"{part}labels"] = torch.from_numpy(labels)
    state = drawn_state(lambda: tiny_net(classes, True), seed)
    state["4.weight"][0] *= 100
    state["5.bias"][0] = -20.0  # batch normalisation of n values gives at most √n, here 14
    return {
        **data,
        "state": state,
        "batch_size": batch_size,
        "options": {"classes": classes, "norm": True},
        "epochs": epochs,
        "learning_rate": float(rng.uniform(4e-3, 8e-3)),
        "device_name": "cpu",
    }


WRONG_LOOPS = wrong_loops(TASK)


def ten_times_the_rate(
    net: Any, train_loader: Any, test_loader: Any, epochs: int, learning_rate: float, device: Any
) -> dict[str, list[float]]:
    """A fit that passes on ten times the learning rate."""
    history: dict[str, list[float]] = around(reference.train_epoch, TASK)(
        net, train_loader, test_loader, epochs, 10 * learning_rate, device
    )
    return history


# Of these, some short runs pass and some do not: thresholds.json says so of the first three loops, runs with
# other secrets of the last, and of the fit.
TOO_LARGE_STEPS = "the learning rate were ten times as large as the one that was passed"
LUCKY_FITS = {TOO_LARGE_STEPS: ten_times_the_rate} | {
    name: around(loop, TASK)
    for name, loop in WRONG_LOOPS.items()
    if name.startswith(
        (
            "softmax stood",
            "softmax were applied first",
            "log_softmax ran over",
            "a ReLU stood before",
        )
    )
}
WRONG_FITS = wrong_fits(reference.fit, reference.train_epoch, TASK)
FIT = FitChecks(
    FITTED,
    fit_challenge,
    reference.fit,
    WRONG_FITS,
    statistics=True,
    stands_on=("make_criterion_and_optimizer", "train_epoch", "validate"),
)
