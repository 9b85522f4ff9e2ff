"""Hidden tests of notebook 3: statistics of another domain, without a label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from autograder.graders.transfer import reference
from autograder.graders.transfer.probes import adapted
from autograder.graders.transfer.states import drawn, expect_returned, split
from autograder.grading import (
    Challenge,
    Student,
    expect,
    fields,
    flag,
    graded,
    likely_mistake,
    relative_difference,
    sequence,
    updates,
    vector,
)

CLASSES = 4
TOLERANCE = (
    1e-3  # right ones differ by rounding, below 1e-6; a half weight of the last batch by more
)


def asked(challenge: Challenge, training: bool = False) -> dict[str, Any]:
    """A network, and images in four batches and a smaller one, each brighter than the one before."""
    batch_size = int(challenge.rng.integers(6, 10))
    images = torch.from_numpy(challenge.images(batch_size * 4 + 4, 8))
    images *= torch.linspace(0.5, 3, len(images))[:, None, None, None]
    start = drawn(challenge, classes=CLASSES)
    return {
        "start": start,
        "images": images,
        "batch_size": batch_size,
        "classes": CLASSES,
        "training": training,
    }


def answer(student: Student, ask: dict[str, Any]) -> dict[str, Any]:
    reply = fields(student.run(adapted, **ask), "same", "state", "training", "momenta", "tracks")
    like = split(ask["start"])[1]
    moved = np.any(vector(reply["state"], like, "statistic") != vector(like, like))
    expect(
        bool(moved),
        "The running statistics are as they were: the network saw no image, or was in evaluation mode.",
    )
    return reply


def statistics_by(adapt: Callable[..., Any], ask: dict[str, Any]) -> Any:
    """The statistics that a function of ours comes to."""
    like = split(ask["start"])[1]
    return vector(adapted(adapt, **ask)["state"], like, "statistic")


def by(
    *,
    reset: bool = True,
    momentum: float | None = None,
    training: bool = True,
    part: slice = slice(None),
) -> Callable[..., Any]:
    """An adaptation with other habits."""

    def adapt(net: nn.Module, loader: Any, _device: Any) -> nn.Module:
        net.eval()
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.train(training)
                layer.momentum = momentum
                if reset:
                    layer.reset_running_stats()
        with torch.no_grad():
            for images, _ in list(loader)[part]:
                net(images)
        net.eval()
        return net

    return adapt


def at_once(net: nn.Module, loader: Any, device: Any) -> nn.Module:
    images = torch.cat([images for images, _ in loader])
    by()(net, [(images, None)], device)
    return net


MISTAKES = {
    "the statistics were only reset, and no image seen after that": by(training=False),
    "the old statistics were mixed with the new ones: they were not reset, or the momentum is 0.1": by(
        reset=False, momentum=0.1
    ),
    "the running statistics followed the last batches (a momentum of 0.1), and were no average": by(
        momentum=0.1
    ),
    "the average went on from the old statistics, which were not reset": by(reset=False),
    "only the first batch were seen": by(part=slice(1)),
    "only the last batch counted": by(part=slice(-1, None)),
    "all images were one batch": at_once,
}


@graded("adapt_statistics_tests", weight=3)
def test_the_statistics_are_the_averages_over_the_new_batches(
    student: Student, challenge: Challenge
) -> None:
    """The running statistics are the averages over the batches of the new domain, and of these alone.

    We gave a network with other statistics, and images that get brighter from batch to batch. Which momentum
    makes batch normalisation average?
    """
    ask = asked(challenge)
    reply = answer(student, ask)
    seen = vector(reply["state"], split(ask["start"])[1], "statistic")
    if relative_difference(seen, statistics_by(reference.adapt_statistics, ask)) > TOLERANCE:
        wrong = {name: lambda way=way: statistics_by(way, ask) for name, way in MISTAKES.items()}
        hint = likely_mistake(seen, wrong, TOLERANCE, "It is as if")
        expect(False, f"The running statistics are not the averages over the new batches. {hint}")
    expect_returned(reply, "adapt_statistics")


@graded("adapt_statistics_tests", weight=2)
def test_nothing_is_trained(student: Student, challenge: Challenge) -> None:
    """No parameter moves: there is no label to learn from.

    The labels in the loader were all 0. Are they used?
    """
    ask = asked(challenge, training=True)
    moved = np.any(updates(answer(student, ask)["state"], split(ask["start"])[0]))
    expect(not moved, "The parameters moved: something was trained.")


@graded("adapt_statistics_tests", weight=1)
def test_the_network_is_left_ready_to_answer(student: Student, challenge: Challenge) -> None:
    """Afterwards the network is in evaluation mode, and its momentum what it was.

    Whoever trains it later would wonder.
    """
    momentum = nn.BatchNorm2d(1).momentum
    for training in (True, False):
        reply = answer(student, asked(challenge, training))
        modes = [flag(mode) for mode in sequence(reply["training"], "The modes")]
        expect(not any(modes), "The network, or a part of it, was left in training mode.")
        momenta = sequence(reply["momenta"], "The momenta")
        expect(
            all(isinstance(number, float) and number == momentum for number in momenta),
            "The momentum of batch normalisation was not put back.",
        )
        expect(flag(reply["tracks"]), "Batch normalisation no longer keeps running statistics.")
