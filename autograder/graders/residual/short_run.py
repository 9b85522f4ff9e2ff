"""The short training run of `fit`. Its thresholds stand in thresholds.json; see `calibrate`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from autograder.graders.residual.tasks import FIT, MOMENTUM, called_fit, coloured, residual_net
from autograder.grading.training import (
    Budget,
    ShortRun,
    Task,
    answers_well,
    around,
    loss_falls,
    wrong_loops,
)

CLASSES = 3
STRONGER = 0.35  # by this is one colour; the mean of 64 such numbers is off by 0.125

SHORT = ShortRun(  # 0.3 s on one core with the reference
    task=Task(
        build=residual_net,
        examples=partial(coloured, by=STRONGER),
        options=lambda _rng: {"classes": CLASSES, "norm": True},
        loss="CrossEntropyLoss",
        noun="image",
    ),
    budget=Budget(
        examples=240,
        seen=40,
        hidden=300,
        epochs=4,
        batch_size=12,
        learning_rate=0.02,
    ),
    goals=(loss_falls(far=True), answers_well("image", hidden=300, guessing=1 / CLASSES)),
    file=Path(__file__).with_name("thresholds.json"),
    call=called_fit,
)

_SGD = partial(torch.optim.SGD, **MOMENTUM)
# Everything that the graders know as a mistake in training, by the words that name it.
WRONG = {
    name: around(loop, SHORT.task, optimizer=_SGD) for name, loop in wrong_loops(SHORT.task).items()
} | dict(FIT.wrong)
