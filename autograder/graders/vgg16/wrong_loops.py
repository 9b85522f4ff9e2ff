"""Training loops that are wrong on purpose, each a mistake that students make.

The graders run them on the same network, batches and optimizer as the student's loop, and name the
mistake when the student's parameters moved exactly as one of these moves them. Where two mistakes
move the parameters in the same way (never zeroed, or zeroed once before the loop) they are one
entry, and the words fit both. Two mistakes at once move them like neither, and nothing is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from autograder.graders.vgg16.reference import Loader

TrainEpoch = Callable[..., float]


log_softmax = partial(torch.log_softmax, dim=1)


@dataclass(frozen=True)
class Habits:
    """How a loop goes about it; the defaults are right, except that the sum is never returned."""

    training: bool = True
    order: str = "zero forward backward step"
    zero_every: int = 1  # batches
    optimizer: Callable[..., torch.optim.Optimizer] | None = None  # made by the loop itself
    activation: Callable[[torch.Tensor], torch.Tensor] = log_softmax
    batches: tuple[int | None, int | None] = (None, None)
    passes: int = 1
    factor: Callable[[int, int], float] = lambda _batch, _count: (
        1.0
    )  # of the loss, by images and batches
    one_step: bool = False


def loop(habits: Habits) -> TrainEpoch:
    """A `train_epoch` with these habits."""

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
        for number, (images, labels) in enumerate(habits.passes * batches[slice(*habits.batches)]):
            losses: list[torch.Tensor] = []

            def forward(
                images: torch.Tensor = images,
                labels: torch.Tensor = labels,
                losses: list[torch.Tensor] = losses,
            ) -> None:
                log_probs = habits.activation(net(images.to(device)))
                losses.append(criterion(log_probs, labels.to(device)))
                losses[-1] = losses[-1] * habits.factor(len(labels), len(batches))

            actions: dict[str, Callable[[], Any]] = {
                "zero": optimizer.zero_grad,
                "forward": forward,
                "backward": partial(_backward, losses),
                "clip": partial(nn.utils.clip_grad_norm_, net.parameters(), 1.0),
                "step": optimizer.step,
            }
            for action in habits.order.split():
                if action != "zero" or number % habits.zero_every == 0:
                    actions[action]()
        if habits.one_step:
            optimizer.step()
        return 0.0

    return train_epoch


def _backward(losses: list[torch.Tensor]) -> None:
    torch.autograd.backward(losses[-1])


WRONG_LOOPS: dict[str, TrainEpoch] = {
    name: loop(habits)
    for name, habits in {
        "the gradients were never set to zero between batches": Habits(
            order="forward backward step"
        ),
        "the gradients were set to zero only before every second batch": Habits(zero_every=2),
        "nothing were learnt: step() is never called, or finds no gradient, because zero_grad() "
        "stands between backward() and step()": Habits(order="zero forward backward"),
        **{
            f"an Adam of the loop's own, with the learning rate {rate}, made the steps, and not the "
            "optimizer that was passed in": Habits(
                optimizer=partial(torch.optim.Adam, lr=float(rate))
            )
            for rate in ("1e-3", "1e-4")
        },
        "softmax stood where log_softmax should": Habits(activation=partial(torch.softmax, dim=1)),
        "softmax were applied first and log_softmax on top of it": Habits(
            activation=lambda logits: torch.log_softmax(torch.softmax(logits, dim=1), dim=1)
        ),
        "the raw outputs of the network went into the loss, without a log_softmax": Habits(
            activation=lambda logits: logits
        ),
        "log_softmax ran over the images of the batch (dim=0) and not over the classes": Habits(
            activation=partial(torch.log_softmax, dim=0)
        ),
        "the network were in evaluation mode while it was trained": Habits(training=False),
        "only the first batch were used (is `return` inside the loop?)": Habits(batches=(None, 1)),
        "only the last batch were used (do backward() and step() stand inside the loop?)": Habits(
            batches=(-1, None)
        ),
        "the last batch were left out (dropped, or step() stands before backward())": Habits(
            batches=(None, -1)
        ),
        "there were two passes over the loader": Habits(passes=2),
        "step() were called twice for each batch": Habits(order="zero forward backward step step"),
        "the gradients were clipped to a norm of 1": Habits(
            order="zero forward backward clip step"
        ),
        "the loss were multiplied by the number of images in the batch before backward()": Habits(
            factor=lambda images, _batches: images
        ),
        "the loss were divided by the number of images in the batch before backward()": Habits(
            factor=lambda images, _batches: 1 / images
        ),
        "the loss were divided by the number of batches before backward()": Habits(
            factor=lambda _images, batches: 1 / batches
        ),
        "the loss were made larger and not smaller (a sign)": Habits(factor=lambda _i, _b: -1.0),
        "step() were called once, after the loop": Habits(order="forward backward", one_step=True),
    }.items()
}

# Mistakes that torch itself refuses: words of its message, and the question to ask.
ERRORS = {
    "modified by an inplace operation": "Does step() stand between the forward pass and backward()?",
    "through the graph a second time": "Are the losses of earlier batches part of the loss on which "
    "you call backward()? Add up numbers, by .item() or .detach().",
    "does not require grad": "Is the loss cut off from the network before backward(), by no_grad(), "
    "detach() or item()?",
}
