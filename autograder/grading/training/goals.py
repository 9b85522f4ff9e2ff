"""What a short run must reach: each goal is a figure of its result, with a threshold that is calibrated.

Thresholds are found on a scale on which right runs are nearly normal, so that few runs do; see
`autograder.grading.calibration.Criterion`. Three goals come ready-made. One of your own is a `Criterion`, the
figure, and what the student reads where it is missed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from autograder.grading.calibration import Criterion
from autograder.grading.compare import expect
from autograder.grading.student import Student
from autograder.scorecard import Figure


@dataclass(frozen=True)
class Result:
    """How a trained network does.

    Attributes:
        first_loss: on the training examples, before the run,
        last_loss: and after it.
        hidden_loss: after it, on examples that the box never saw.
        outputs: the network's outputs for these, (n, …),
        labels: and their labels, (n, …).
    """

    first_loss: float
    last_loss: float
    hidden_loss: float
    outputs: torch.Tensor
    labels: torch.Tensor

    @property
    def loss_ratio(self) -> float:
        return self.last_loss / self.first_loss

    @cached_property
    def accuracy(self) -> float:
        """The share of hidden labels that have the largest score, in [0, 1].

        Classes are the outputs' second dimension, or the last one where each place of an example has a label.
        """
        answers = self.outputs.argmax(1)
        if answers.shape != self.labels.shape:
            answers = self.outputs.argmax(-1)
        return float((answers == self.labels).float().mean())


@dataclass(frozen=True)
class Goal:
    """One thing that a run must reach.

    Attributes:
        criterion: its name in thresholds.json, and how a threshold for it is found.
        figure: the figure of a result.
        message: what a student reads whose run misses the threshold. It tells the student's own figures
            and never the threshold.
    """

    criterion: Criterion
    figure: Callable[[Result], float]
    message: Callable[[Result], str]


def loss_falls(limit: float = 0.95, *, far: bool = False) -> Goal:
    """The training loss after the run over that before it is small enough.

    Losses of right runs differ by factors, with a heavy tail on the failing side; how many times smaller
    the loss became is nearly normal. Where it becomes very small, by other factors in each run, the ratio's
    logarithm is.

    Args:
        limit: a ratio as large as this would ask for nothing.
        far: whether right runs make the loss many times smaller, ten times and more.
    """
    criterion = Criterion(
        name="loss_ratio",
        smaller_is_better=True,
        limit=limit,
        scale="log of last loss / first loss" if far else "first loss / last loss",
        badness=np.log if far else lambda ratios: -1 / ratios,
        figure=math.exp if far else lambda badness: -1 / badness if badness < 0 else math.inf,
    )
    return Goal(
        criterion,
        lambda result: result.loss_ratio,
        lambda result: (
            "The training loss did not fall enough: "
            f"yours went from {result.first_loss:.2f} to {result.last_loss:.2f}."
        ),
    )


def answers_well(noun: str, hidden: int, guessing: float) -> Goal:
    """The accuracy on examples that the box never saw is large enough.

    Args:
        noun: one example, in the singular, for the message.
        hidden: how many such examples there are.
        guessing: the accuracy that guessing reaches; a threshold within 0.02 of it would ask for nothing.
    """
    criterion = Criterion(
        name="accuracy",
        smaller_is_better=False,
        limit=guessing + 0.02,
        scale="log of the error rate",
        badness=lambda accuracies: np.log(np.maximum(1 - accuracies, 0.5 / hidden)),
        figure=lambda badness: 1 - math.exp(badness),
    )
    return Goal(
        criterion,
        lambda result: result.accuracy,
        lambda result: (
            f"After training the network answers only {result.accuracy:.0%} of new {noun}s rightly."
        ),
    )


def loss_is_small(noun: str, limit: float) -> Goal:
    """The loss on examples that the box never saw is small enough: where there are no classes.

    Args:
        limit: a loss as large as this would ask for nothing.
    """
    criterion = Criterion(
        name="hidden_loss",
        smaller_is_better=True,
        limit=limit,
        scale="log of the loss",
        badness=np.log,
        figure=math.exp,
    )
    return Goal(
        criterion,
        lambda result: result.hidden_loss,
        lambda result: (
            f"After training the loss on new {noun}s is too large; yours is {result.hidden_loss:.3g}."
        ),
    )


def figures_of(result: Result, goals: Sequence[Goal]) -> dict[str, float]:
    """The figure of each goal, by its criterion's name."""
    return {goal.criterion.name: goal.figure(result) for goal in goals}


def expect_reached(
    result: Result,
    goals: Sequence[Goal],
    thresholds: Mapping[str, float],
    student: Student | None = None,
) -> None:
    """Fail with the message of the first goal whose threshold the result misses.

    Args:
        student: whose figures they are, for staff to read in the report of the class.
    """
    if student is not None:
        student.figures += [
            Figure(one.name, float(f"{seen:.4g}"), thresholds[one.name], one.smaller_is_better)
            for one, seen in ((goal.criterion, goal.figure(result)) for goal in goals)
            if math.isfinite(seen)
        ]
    for goal in goals:
        criterion = goal.criterion
        reached = criterion.passes(goal.figure(result), thresholds[criterion.name])
        expect(reached, "" if reached else goal.message(result))
