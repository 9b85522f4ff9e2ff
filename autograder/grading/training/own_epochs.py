"""What an epoch by a loop of ours comes to, right or wrong on purpose."""

from __future__ import annotations

from typing import Any

from autograder.grading.replies import Floats, updates, vector
from autograder.grading.training.epoch_probes import one_epoch
from autograder.grading.training.loops import TrainEpoch
from autograder.grading.training.task import Drawn


def result_by(train_epoch: TrainEpoch, drawn: Drawn) -> dict[str, Any]:
    """What one epoch comes to: its loss, and the state after it."""
    reply: dict[str, Any] = drawn.task.probe(one_epoch)(train_epoch, drawn=drawn.data)
    return reply


def moved_by(train_epoch: TrainEpoch, drawn: Drawn) -> Floats:
    """How far one epoch moves the parameters."""
    return updates(result_by(train_epoch, drawn)["state"], drawn.parameters)


def statistics_by(train_epoch: TrainEpoch, drawn: Drawn) -> Floats:
    """The running statistics after one epoch."""
    return vector(result_by(train_epoch, drawn)["state"], drawn.buffers)
