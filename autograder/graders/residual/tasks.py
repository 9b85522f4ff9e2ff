"""What notebook 3 is judged with: a small residual network and its examples.

The students' functions take other arguments than the lecture's, in another order, and no device: how they are
called is said here, by the functions `called_…`, which are shipped into the box.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from autograder.graders.image_sources import images_and_labels
from autograder.graders.residual import reference
from autograder.grading.training import (
    EpochChecks,
    OptimizerChecks,
    Task,
    ValidationChecks,
    fit_checks,
)

MOMENTUM: dict[str, Any] = {"momentum": 0.9}


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


def coloured(
    rng: np.random.Generator, count: int, *, classes: int, by: float = 0.7, **_options: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """So many images (n, 3, 8, 8) of noise, one of whose colours is stronger: the label, of three."""
    labels = rng.integers(0, classes, count)
    images = rng.normal(size=(count, 3, 8, 8))
    images[np.arange(count), labels] += by
    return torch.from_numpy(images).float(), torch.from_numpy(labels)


def _task(
    norm: bool, classes: tuple[int, int], examples: Callable[..., Any] = images_and_labels
) -> Task:
    return Task(
        build=residual_net,
        examples=examples,
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


TASK, WITH_NORM = _task(False, (4, 8)), _task(True, (4, 8))
FITTED = _task(True, (3, 4), coloured)  # learnt in a few steps

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


FIT = fit_checks(
    FITTED,
    reference=reference.fitted,
    optimizer="SGD",
    settings=MOMENTUM,
    rates=(0.02, 0.04),
    by_heart=("0.1", "0.01"),
    call=called_fit,
    keys=("loss", "accuracy"),
    moves=False,
    statistics=True,
    stands_on=("make_loss_and_optimizer", "train_epoch", "evaluate"),
)
