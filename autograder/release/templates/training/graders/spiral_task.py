"""What the hidden tests train: a small network on points, and a short run that must learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from autograder.grading.training import (
    Budget,
    EpochChecks,
    Examples,
    ShortRun,
    Task,
    answers_well,
    loss_falls,
)


def three_layers(units: int) -> nn.Module:
    """Goes into the box, with its imports."""
    from torch import nn

    return nn.Sequential(
        nn.Linear(2, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU(), nn.Linear(units, 2)
    )


def on_spirals(rng: np.random.Generator, count: int, **_options: Any) -> Examples:
    """Points (count, 2) on two spirals, and their spirals (count,): others than students have."""
    labels = rng.integers(0, 2, count)
    radius = rng.random(count)
    angle = 1.5 * np.pi * radius + np.pi * labels
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points += 0.03 * rng.normal(size=points.shape)
    return torch.from_numpy(points).float(), torch.from_numpy(labels)


def as_called(
    train_epoch: Any, net: Any, loader: Any, criterion: Any, optimizer: Any, _device: Any
) -> Any:
    """How the student's function is called; goes into the box."""
    return train_epoch(net, loader, criterion, optimizer)


def many_epochs(
    train_epoch: Any, net: Any, loader: Any, _test: Any, epochs: int, rate: float, _device: Any
) -> Any:
    """The short run's loop over epochs; goes into the box."""
    import torch
    from torch import nn

    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    for _ in range(epochs):
        train_epoch(net, loader, criterion, optimizer)


TASK = Task(
    build=three_layers,
    examples=on_spirals,
    options=lambda rng: {"units": int(rng.integers(5, 9))},
    loss="CrossEntropyLoss",
    noun="point",
)
EPOCH = EpochChecks(TASK, call=as_called)

RUN = ShortRun(  # 0.2 s on one core
    task=Task(
        build=three_layers,
        examples=on_spirals,
        options=lambda _rng: {"units": 24},
        loss="CrossEntropyLoss",
        noun="point",
    ),
    budget=Budget(examples=300, seen=40, hidden=400, epochs=15, batch_size=32, learning_rate=0.02),
    goals=(
        loss_falls(far=True),
        answers_well("point", hidden=400, guessing=0.5),
    ),
    file=Path(__file__).with_name("thresholds.json"),
    function="train_epoch",
    call=many_epochs,
)
