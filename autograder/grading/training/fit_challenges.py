"""What a fit is asked for, so that mistakes in what it measures show; and what a fit of ours comes to."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from autograder.grading.replies import Floats, updates
from autograder.grading.training.fit_probes import fitted
from autograder.grading.training.task import Drawn

Fit = Callable[..., Any]  # of net, train_loader, test_loader, epochs, learning_rate, device
Optimizer = Callable[..., torch.optim.Optimizer]  # of parameters and lr

LOSS_TOLERANCE = 0.01  # relative; over 60 challenges right loops of three styles were off by 6e-7
MAY_DIFFER = 2  # test examples on the border between two classes, which rounding may turn


def fit_by(fit: Fit, drawn: Drawn) -> dict[str, Any]:
    """What a fit of ours comes to on the device that the challenge names."""
    moved = drawn.data["device_name"] != "cpu"
    reply: dict[str, Any] = drawn.task.probe(fitted)(fit, drawn=drawn.data, moved=moved)
    return reply


def moved_by_fit(fit: Fit, drawn: Drawn) -> Floats:
    """How far a fit of ours moves the parameters."""
    return updates(fit_by(fit, drawn)["state"], drawn.parameters)


def that_falls(drawn: Drawn, after_one_epoch: nn.Module) -> Drawn:
    """The same training, whose accuracy falls after the first epoch, where it is 1.

    Accuracies that rise do not tell those of each epoch from the best so far.
    """
    labels = _answers(after_one_epoch, drawn.data["test_inputs"])
    return Drawn(drawn.task, {**drawn.data, "test_labels": labels})


def _answers(net: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """What a network answers in evaluation mode; it stays as it was."""
    modes = [(part, part.training) for part in net.modules()]
    with torch.no_grad():
        answers: torch.Tensor = net.eval()(inputs).argmax(1)
    for part, mode in modes:
        part.training = mode
    return answers


def _right_in_training(net: nn.Module, batches: Iterable[tuple[torch.Tensor, ...]]) -> int:
    """How many answers to some batches are right in training mode, which changes a network."""
    copied = copy.deepcopy(net).train()
    with torch.no_grad():
        right = [(copied(inputs).argmax(1) == labels).sum() for inputs, labels in batches]
    return sum(map(int, right))


def _other_histories(hits: npt.NDArray[np.int64]) -> list[npt.NDArray[Any]]:
    """What a history holds that is not of each epoch, from the numbers before the first and after each."""
    right = hits[1:]
    epochs = np.arange(len(right))
    return [
        hits[:-1],  # validated before each epoch,
        *(np.full_like(right, once) for once in right),  # or once for all, after any of them,
        right[epochs - epochs % 2],  # or after every second one;
        right[::-1],  # the newest first;
        np.maximum.accumulate(right),  # the best so far,
        np.cumsum(right) / (epochs + 1),  # or the mean so far
    ]


def tells_apart(
    drawn: Drawn, train_epoch: Callable[..., float], validate: Callable[..., float], make: Optimizer
) -> bool:
    """Whether mistakes in what is measured, not in how the network is trained, would show.

    Args:
        train_epoch: a right loop of an epoch, and
        validate: a right validation, which here see what they are asked.
        make: the right optimizer of parameters and `lr`.
    """
    hits: list[int] = []  # of the test examples, before the first epoch and after each
    answers: list[torch.Tensor] = []  # at the same moments
    inputs_off: list[float] = []  # by validating in training mode, in each epoch
    losses_off: list[float] = []  # by averaging batch means, as a fraction of the right loss

    def fit(*args: Any) -> dict[str, list[float]]:
        net, train_loader, test_loader, epochs, learning_rate, device = args
        optimizer = make(net.parameters(), lr=learning_rate)
        count = len(drawn.data["test_labels"])
        test_inputs = drawn.data["test_inputs"]
        hits.append(round(validate(net, test_loader, device) * count))
        answers.append(_answers(net, test_inputs))
        for _ in range(epochs):
            means: list[float] = []
            given = drawn.task.criterion()

            def criterion(
                scores: torch.Tensor,
                labels: torch.Tensor,
                means: list[float] = means,
                given: nn.Module = given,
            ) -> torch.Tensor:
                loss: torch.Tensor = given(scores, labels)
                means.append(float(loss.detach()))
                return loss

            right = train_epoch(net, train_loader, cast(Any, criterion), optimizer, device)
            losses_off.append(abs(float(np.mean(means)) / right - 1))
            hits.append(round(validate(net, test_loader, device) * count))
            answers.append(_answers(net, test_inputs))
            inputs_off.append(abs(_right_in_training(net, test_loader) - hits[-1]))
        return {}

    fit_by(fit, drawn)
    falling = [int((answer == answers[1]).sum()) for answer in answers]  # with those labels
    both = [np.array(part) for part in (hits, falling)]
    off = [[np.abs(other - part[1:]).max() for other in _other_histories(part)] for part in both]
    return (
        max(inputs_off) > MAY_DIFFER + 3
        and (bool(np.max(off, axis=0).min() > MAY_DIFFER + 2) or len(hits) == 2)
        and max(losses_off) > 2 * LOSS_TOLERANCE
    )
