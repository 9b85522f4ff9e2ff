"""What notebook 3 is judged with: a small residual network, its examples, and fits that are wrong on purpose.

The students' functions take other arguments than the lecture's, in another order, and no device: how they are
called is said here, by the functions `called_…`, which are shipped into the box.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.graders.residual import reference
from autograder.grading import Challenge
from autograder.grading.training import (
    Drawn,
    EpochChecks,
    FitChecks,
    OptimizerChecks,
    Task,
    ValidationChecks,
    drawn_state,
    right_loop,
    tells_apart,
    wrong_fits,
)

MOMENTUM: dict[str, Any] = {"momentum": 0.9}
TEST_BATCHES = 5


def residual_net(classes: int, norm: bool) -> Any:
    """A network with one shortcut, for images (B, 3, 8, 8); with `norm` it has batch normalisation."""
    from torch import nn

    class Around(nn.Module):
        """Adds its input to what its layers make of it."""

        def __init__(self, *layers: Any) -> None:
            super().__init__()
            self.layers = nn.Sequential(*layers)

        def forward(self, x: Any) -> Any:
            return x + self.layers(x)

    def convolution(inputs: int, stride: int) -> list[Any]:
        layers: list[Any] = [nn.Conv2d(inputs, 8, 3, stride, padding=1, bias=not norm)]
        return [*layers, nn.BatchNorm2d(8)] if norm else layers

    around = Around(*convolution(8, 1))
    answer = [nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32, classes)]
    return nn.Sequential(*convolution(3, 2), nn.ReLU(), around, nn.ReLU(), *answer)


def images_and_labels(
    rng: np.random.Generator, count: int, *, classes: int, **_options: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.from_numpy(rng.normal(size=(count, 3, 8, 8))).float()
    return images, torch.from_numpy(rng.integers(0, classes, count))


def _task(norm: bool, classes: tuple[int, int]) -> Task:
    return Task(
        build=residual_net,
        examples=images_and_labels,
        options=lambda rng: {"classes": int(rng.integers(*classes)), "norm": norm},
        loss="CrossEntropyLoss",
        noun="image",
    )


def called_for_loss(
    train_epoch: Any, net: Any, loader: Any, criterion: Any, optimizer: Any, _device: Any
) -> Any:
    result = train_epoch(loader, net, criterion, optimizer)
    return result[0] if isinstance(result, tuple | list) and len(result) == 2 else result


def called_for_accuracy(
    train_epoch: Any, net: Any, loader: Any, criterion: Any, optimizer: Any, _device: Any
) -> Any:
    result = train_epoch(loader, net, criterion, optimizer)
    return result[1] if isinstance(result, tuple | list) and len(result) == 2 else None


def called_evaluate(evaluate: Any, net: Any, loader: Any, _device: Any) -> Any:
    return evaluate(loader, net)


def called_fit(
    fit: Any, net: Any, train: Any, test: Any, epochs: Any, learning_rate: Any, _device: Any
) -> Any:
    return fit(train, test, net, epochs, learning_rate)


TASK, WITH_NORM, FITTED = _task(False, (4, 8)), _task(True, (4, 8)), _task(True, (3, 4))

OPTIMIZER = OptimizerChecks(
    optimizer="SGD",
    settings=MOMENTUM,
    loss="CrossEntropyLoss",
    default_rate=0.1,
    function="make_loss_and_optimizer",
)
EPOCH = EpochChecks(TASK, norm_task=WITH_NORM, call=called_for_loss)
COUNTED = EpochChecks(TASK, call=called_for_accuracy)
EVALUATION = ValidationChecks(
    _task(True, (5, 8)), function="evaluate", call=called_evaluate, moves=False
)


# fit


def fit_challenge(challenge: Challenge, epochs: int) -> Drawn:
    """A task that a small network learns in a few steps: which of three colours is strongest.

    What may be wrong must show whatever was drawn: the test images come sorted by their class, which a
    network in training mode normalises away; some of their labels are wrong; the last training batch is
    smaller and wrongly labelled. Should chance hide one of the mistakes nevertheless, we draw again; but
    not for one epoch, of which only the history's form is asked.
    """
    for attempt in range(200):
        drawn = Drawn(FITTED, _drawn(challenge, challenge.seed + attempt, epochs))
        optimizer = partial(torch.optim.SGD, **MOMENTUM)
        if epochs == 1 or tells_apart(drawn, right_loop(FITTED), _evaluated, optimizer):
            break
    return drawn


def _evaluated(net: Any, loader: Any, _device: Any) -> float:
    return reference.evaluate(loader, net)


def fitted(
    net: Any, train: Any, test: Any, epochs: int, learning_rate: float, _device: Any
) -> dict[str, list[float]]:
    """The reference, called as the lecture's fit is."""
    return reference.fit(train, test, net, epochs, learning_rate)


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
    return {
        **data,
        "state": drawn_state(lambda: residual_net(classes, True), seed),
        "batch_size": batch_size,
        "options": {"classes": classes, "norm": True},
        "epochs": epochs,
        "learning_rate": float(rng.uniform(0.02, 0.04)),
        "device_name": "cpu",
    }


WRONG_FITS = wrong_fits(
    fitted, right_loop(FITTED), FITTED, optimizer="SGD", settings=MOMENTUM, rates=("0.1", "0.01")
)
FIT = FitChecks(
    FITTED,
    fit_challenge,
    fitted,
    WRONG_FITS,
    call=called_fit,
    keys=("loss", "accuracy"),
    moves=False,
    statistics=True,
)
