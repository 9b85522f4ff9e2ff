"""Training loops that are wrong on purpose, each a mistake that students make.

The graders run them on the same network, batches and optimizer as the student's loop, and name the
mistake when the student's parameters moved exactly as one of these moves them. Where two mistakes
move the parameters in the same way (never zeroed, or zeroed once before the loop) they are one
entry, and the words fit both. Two mistakes at once move them like neither, and nothing is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from autograder.errors import StudentRaised
from autograder.grading.training.task import Task, as_they_are, scores_of

TrainEpoch = Callable[..., float]
Loader = Iterable[tuple[torch.Tensor, torch.Tensor]]
Activation = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Habits:
    """How a loop goes about it.

    Attributes:
        activation: between the network's outputs and the loss.
        labels: what becomes of a batch's labels before the loss.
        training: the mode into which the network is set.
        order: what is done for each batch. `clip` clips gradients to a norm of 1, `clamp` each number in
            them to 0.1; `eval` ends training mode.
        zero_every: of so many batches the first one sets gradients to zero, and
        step_every: the last one makes a step.
        optimizer: makes one of the loop's own from the parameters, which takes the steps.
        batches: the first and behind the last batch that is used.
        same: the first batch stands for all of them.
        passes: over the loader.
        factor: of the loss, by the batch's examples and the number of batches.
        one_step: a step behind the loop.
    """

    activation: Activation
    labels: Callable[[torch.Tensor], torch.Tensor] = as_they_are
    training: bool = True
    order: str = "zero forward backward step"
    zero_every: int = 1
    step_every: int = 1
    optimizer: Callable[..., torch.optim.Optimizer] | None = None
    batches: tuple[int | None, int | None] = (None, None)
    same: bool = False
    passes: int = 1
    factor: Callable[[int, int], float] = lambda _examples, _batches: 1.0
    one_step: bool = False


def loop(habits: Habits) -> TrainEpoch:
    """A loop with these habits, `(net, loader, criterion, optimizer, device)`; it returns the mean loss."""

    def train_epoch(
        net: nn.Module,
        loader: Loader,
        criterion: nn.Module,
        optimizer: torch.optim.Optimizer,
        device: torch.device,
    ) -> float:
        net.train(habits.training)
        if habits.optimizer:
            optimizer = habits.optimizer(net.parameters())
        batches = list(loader)
        if habits.same:
            batches = batches[:1] * len(batches)
        total = count = 0.0
        for number, (inputs, labels) in enumerate(habits.passes * batches[slice(*habits.batches)]):
            losses: list[torch.Tensor] = []

            def forward(
                inputs: torch.Tensor = inputs,
                labels: torch.Tensor = labels,
                losses: list[torch.Tensor] = losses,
            ) -> None:
                outputs = habits.activation(net(inputs.to(device)))
                losses.append(criterion(outputs, habits.labels(labels).to(device)))
                losses[-1] = losses[-1] * habits.factor(len(labels), len(batches))

            actions: dict[str, Callable[[], Any]] = {
                "zero": optimizer.zero_grad,
                "forward": forward,
                "backward": partial(_backward, losses),
                "clip": partial(nn.utils.clip_grad_norm_, net.parameters(), 1.0),
                "clamp": partial(nn.utils.clip_grad_value_, net.parameters(), 0.1),
                "eval": net.eval,
                "step": optimizer.step,
            }
            left_out = set()
            if number % habits.zero_every:
                left_out.add("zero")
            if (number + 1) % habits.step_every:
                left_out.add("step")
            for action in habits.order.split():
                if action not in left_out:
                    actions[action]()
            total += float(losses[-1].detach()) * len(labels)
            count += len(labels)
        if habits.one_step:
            optimizer.step()
        return total / count

    return train_epoch


def _backward(losses: list[torch.Tensor]) -> None:
    torch.autograd.backward(losses[-1])


def right_loop(task: Task) -> TrainEpoch:
    """A loop that is right for this task."""
    return loop(Habits(task.activation))


def wrong_loops(task: Task) -> dict[str, TrainEpoch]:
    """Loops with one mistake each, by the words that name it behind "as if".

    What the loop should put between outputs and loss decides which mistakes there are about it. An
    assignment adds its own: `{**wrong_loops(task), "the labels were …": loop(Habits(…))}`.
    """
    right = partial(Habits, task.activation)
    many = f"{task.noun}s"
    habits = {
        "the gradients were never set to zero between batches": right(
            order="forward backward step"
        ),
        "the gradients were set to zero only before every second batch": right(zero_every=2),
        "step() were called only after every second batch": right(zero_every=2, step_every=2),
        **{
            f"an Adam of the loop's own, with the learning rate {rate}, made the steps, and not the "
            "optimizer that was passed in": right(
                optimizer=partial(torch.optim.Adam, lr=float(rate))
            )
            for rate in ("1e-3", "1e-4")
        },
        "the network were in evaluation mode while it was trained": right(training=False),
        "the network were in evaluation mode after the first batch": right(
            order="zero forward backward step eval"
        ),
        "only the first batch were used (is `return` inside the loop?)": right(batches=(None, 1)),
        "only the last batch were used (do backward() and step() stand inside the loop?)": right(
            batches=(-1, None)
        ),
        "the first batch were left out": right(batches=(1, None)),
        "the last batch were left out (dropped, or step() stands before backward())": right(
            batches=(None, -1)
        ),
        "the first batch were used again and again in place of the others": right(same=True),
        "there were two passes over the loader": right(passes=2),
        "step() were called twice for each batch": right(order="zero forward backward step step"),
        "the gradients were clipped to a norm of 1": right(order="zero forward backward clip step"),
        "each number of the gradients were clipped to 0.1": right(
            order="zero forward backward clamp step"
        ),
        f"the loss were multiplied by the number of {many} in the batch before backward()": right(
            factor=lambda count, _batches: count
        ),
        f"the loss were divided by the number of {many} in the batch before backward()": right(
            factor=lambda count, _batches: 1 / count
        ),
        "the loss were divided by the number of batches before backward()": right(
            factor=lambda _count, batches: 1 / batches
        ),
        "the loss were made larger and not smaller (a sign)": right(factor=lambda _i, _b: -1.0),
        "step() were called once, after the loop": right(order="forward backward", one_step=True),
        **{
            f"the labels of each batch stood {where} against their {many}": right(labels=way)
            for where, way in _MISPLACED.items()
        },
        **{
            name: Habits(partial(_of_scores, task, activation))
            for name, activation in _wrong_activations(task).items()
        },
    }
    return {name: loop(way) for name, way in habits.items()}


_MISPLACED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "one place too late": lambda labels: labels.roll(1, 0),
    "one place too early": lambda labels: labels.roll(-1, 0),
    "in reverse order": lambda labels: labels.flip(0),
}


def _of_scores(task: Task, activation: Activation, outputs: Any) -> torch.Tensor:
    return activation(scores_of(task, outputs))


def _log_of_softmax_and(added: float, outputs: torch.Tensor) -> torch.Tensor:
    return torch.log(torch.softmax(outputs, dim=1) + added)


def _wrong_activations(task: Task) -> dict[str, Activation]:
    """What else may stand between the network's outputs and the loss, by the words that name it."""
    softmax, log_softmax = torch.softmax, torch.log_softmax
    if task.loss == "NLLLoss":
        return {
            "softmax stood where log_softmax should": partial(softmax, dim=1),
            "softmax were applied first and log_softmax on top of it": lambda outputs: log_softmax(
                softmax(outputs, dim=1), dim=1
            ),
            "the raw outputs of the network went into the loss, without a log_softmax": as_they_are,
            f"log_softmax ran over the {task.noun}s of the batch (dim=0) and not over the classes": partial(
                log_softmax, dim=0
            ),
            "a ReLU stood before log_softmax, which makes all negative outputs alike": lambda outputs: (
                log_softmax(outputs.relu(), dim=1)
            ),
            # A thousandth and less is too near to right loops to be told from them.
            "0.01 were added inside the logarithm, log(softmax + 0.01), which makes all small "
            "probabilities alike": partial(_log_of_softmax_and, 0.01),
        }
    if task.loss == "CrossEntropyLoss":
        return {
            "softmax were applied before the loss, which takes the raw outputs": partial(
                softmax, dim=1
            ),
            "a log_softmax over the batch (dim=0) stood before the loss": partial(
                log_softmax, dim=0
            ),
            "a sigmoid stood before the loss, which takes the raw outputs": torch.sigmoid,
            "a ReLU stood before the loss, which makes all negative outputs alike": torch.relu,
        }
    if task.loss == "BCEWithLogitsLoss":
        return {
            "a sigmoid stood before the loss, which takes the raw outputs": torch.sigmoid,
            "a ReLU stood before the loss, which makes all negative outputs alike": torch.relu,
        }
    return {
        "a sigmoid stood behind the network, which keeps its answers between 0 and 1": torch.sigmoid,
        "a ReLU stood behind the network, which makes all negative outputs alike": torch.relu,
        "the outputs and labels were of shapes that do not fit, (n, 1) and (n,), and each output were "
        "held against every label": lambda outputs: outputs.reshape(len(outputs), 1, -1),
    }


_LABELS = "Are the labels one-hot vectors, or floats? This loss takes the number of each class."
# Mistakes that torch itself refuses: a pattern of its message, and the question to ask.
ERRORS = {
    "modified by an inplace operation": "Does step() stand between the forward pass and backward()?",
    "through the graph a second time": "Are the losses of earlier batches part of the loss on which "
    "you call backward()? Add up numbers, by .item() or .detach(). Or is a state (of an LSTM) carried "
    "over from batch to batch?",
    r"Expected hidden\[\d+\] size": "Is the state of another batch carried over? Other "
    "sequences begin with a fresh one.",
    "empty parameter list": "Does nothing of the network require a gradient: is the head frozen, too?",
    "does not require grad": "Is the loss cut off from the network before backward(), by no_grad(), "
    "detach() or item()? Or are all parameters frozen?",
    "multi-target not supported": _LABELS,
    "target dtype to be Long": _LABELS,
    r"Target -?\d+ is out of bounds": "Are the classes counted from 0?",
    "object is not callable": "Is one name used twice, for a function and for what it gave, as in "
    "`loss = loss(…)` or `list = []`?",
    "implicitly created only for scalar": "Is the loss one number, or one for each example? backward() needs "
    "their mean (see `reduction`).",
    "Expected target size": "Do scores and labels fit? The classes are the second dimension of the scores, "
    "(n, classes, places) for labels (n, places); or there is one row for each label.",
    r"size of tensor a .* must match": "Do the shapes of outputs and labels fit? Or is it "
    "a loss for numbers (MSELoss), where there are classes?",
    "defined either for all": "Are the classes weighted (`weight=`), with a fixed number of them?",
}


def asking(raised: StudentRaised, told: list[str]) -> StudentRaised:
    """The same error, with the question that helps where it is one that is known and was not `told`."""
    for words, question in ERRORS.items():
        if re.search(words, str(raised)) and question not in told:
            told.append(question)
            return raised.asking(question)
    return raised
