"""What a block is asked, and what it is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from autograder.graders.residual import reference
from autograder.graders.residual.layers import block_answers
from autograder.graders.residual.wrong_blocks import Make, mistaken
from autograder.grading import (
    Challenge,
    Student,
    StudentRaised,
    describe,
    expect,
    fields,
    flag,
    likely_mistake,
    relative_difference,
    sequence,
    vector,
    whole,
)

Places = list[tuple[str, list[int]]]  # (name, shape of the weight) of each convolution, in order

# Relative to the answer's norm. Right blocks in other styles differ by float32 rounding, below 1e-5 over
# 300 challenges; the nearest of the wrong ones is at 0.02 (tests/graders/test_residual.py).
TOLERANCE = 1e-3


# What is asked


@dataclass(frozen=True)
class Asked:
    """A block to be made with these arguments, and what it is held against.

    Attributes:
        function: its name in the student's notebook.
        right: the reference's.
        places: where a convolution stands, each with a batch normalisation behind it.
        mistakes: wrong ones, by the words that name them behind "as if".
    """

    function: str
    right: Make
    data: dict[str, Any]
    mistakes: Mapping[str, Make] = field(default_factory=dict)

    @cached_property
    def wanted(self) -> dict[str, Any]:
        """What the reference answers."""
        return self.by(self.right)

    def by(self, make: Make) -> dict[str, Any]:
        reply: dict[str, Any] = block_answers(make, **self.data)
        return reply

    def answers_of(self, student: Student) -> dict[str, Any]:
        """What the student's answers; errors of torch's come with a question."""
        try:
            reply = fields(
                student.run(block_answers.with_(make=self.function), **self.data), "block"
            )
        except StudentRaised as raised:
            for words, question in ERRORS.items():
                if words in str(raised):
                    raise raised.asking(question) from None
            raise
        expect(
            isinstance(reply["block"], str) and reply["block"] == "a block",
            f"{self.function} should give an nn.Module; yours gives {describe(reply['block'])}.",
        )
        return fields(reply, *self.wanted)

    def expect_layers(self, seen: dict[str, Any]) -> None:
        """Fail unless the layers are those of the reference, each of them once."""
        expect(
            whole(seen["unregistered"], "an answer to this check") == 0,
            "Layers are used that parameters() does not list, so no optimizer will ever train them. Are "
            "they kept in a plain list, or made inside forward()?",
        )
        expect(
            not flag(seen["twice"]),
            "One and the same layer is called more than once in a forward pass. Does each place have a "
            "layer of its own, with weights of its own?",
        )
        places = [str(place) for place in sequence(seen["places"], "The layers")]
        missing = [place for place in self.wanted["places"] if place not in places]
        expect(not missing, f"No layer was called that fits as the {_told(missing)}.")
        extra = [place for place in places if place not in self.wanted["places"]]
        expect(
            not extra,
            "A convolution or a batch normalisation too many was called. Is there a projection where "
            "nothing changes its shape?",
        )
        expect(
            whole(seen["biases"], "an answer to this check") == 0,
            "A convolution has a bias, which the batch normalisation behind it takes away again.",
        )
        count = whole(seen["parameters"], "the number of parameters")
        expect(
            count == self.wanted["parameters"],
            "All layers that are called are there, but there are other parameters besides; yours are "
            f"{count:,} in all. Are there layers that forward() never uses?",
        )

    def expect_answer(self, seen: dict[str, Any], part: str, what: str) -> None:
        """Fail, with the mistake's name where it is known, unless an output is the right one."""
        right = self.wanted[part]
        value = seen[part]
        expect(
            isinstance(value, torch.Tensor),
            f"{what} should be a tensor; yours is {describe(value)}.",
        )
        expect(
            value.shape == right.shape,
            f"{what} has not the right shape; yours is {tuple(value.shape)}.",
        )
        if relative_difference(value, right) <= TOLERANCE:
            return
        mistakes = {
            name: lambda make=make: self.by(make)[part] for name, make in self.mistakes.items()
        }
        hint = likely_mistake(value, mistakes, TOLERANCE, "It is as if")
        if not hint and flag(seen["changed"]):
            hint = f"The input is {IN_PLACE}"
        expect(False, f"{what} is not right. {hint}")

    def expect_training(self, seen: dict[str, Any]) -> None:
        """Fail unless one pass in training mode leaves statistics and gradients as it should."""
        expect(not flag(seen["changed"]), f"The block's input is {IN_PLACE}")
        self.expect_answer(seen, "in_training", "In training mode the answer")
        statistics = self.wanted["statistics"]
        expect(
            relative_difference(
                vector(seen["statistics"], statistics, "statistic"), vector(statistics, statistics)
            )
            <= TOLERANCE,
            "After one pass in training mode the running statistics are not those of one pass.",
        )
        gradient, right = seen["gradient"], self.wanted["gradient"]
        expect(
            isinstance(gradient, torch.Tensor)
            and relative_difference(gradient, right) <= TOLERANCE,
            "The gradient does not reach the block's input by both paths. Is something detached?",
        )


def _told(places: list[str]) -> str:
    """A missing layer in words: the first convolution that is missing, or a batch normalisation."""
    convolutions = [place for place in places if not place.endswith(".norm")]
    place = [*convolutions, *places, ""][0]
    if place.endswith(".norm"):
        return f"batch normalisation behind the {place.removesuffix('.norm')}"
    return place


CHANNELS = "Does each layer get as many channels as the one before it gives?"
IN_PLACE = (
    "changed in place (as by `x +=`, or by inplace=True on the input itself): whoever else uses it gets "
    "another one."
)
# Mistakes that torch itself refuses: words of its message, and the question to ask.
ERRORS = {
    "must match the size of tensor": "The two paths come out in different shapes. Is there a projection "
    "where the channels change, and the stride in both paths?",
    "modified by an inplace operation": "Is the input, or what the shortcut adds, changed in place?",
    "channels instead": CHANNELS,
    "running_mean should contain": CHANNELS,
}


# Draws


def drawn(
    challenge: Challenge, arguments: Sequence[int], places: Places, side: int = 8, images: int = 5
) -> dict[str, Any]:
    """What a block is asked with: arguments, weights for each place, and images (n, c, side, side)."""
    rng = challenge.rng

    def normal(shape: Sequence[int], scale: float = 1.0) -> torch.Tensor:
        return torch.from_numpy(rng.normal(size=tuple(shape)) * scale).float()

    numbers: dict[str, dict[str, torch.Tensor]] = {}
    for name, shape in places:
        outputs = shape[0]
        numbers[name] = {"weight": normal(shape, (2 / np.prod(shape[1:])) ** 0.5)}
        numbers[f"{name}.norm"] = {
            "weight": torch.from_numpy(rng.uniform(0.5, 1.5, outputs)).float(),
            "bias": normal((outputs,), 0.5),
            "running_mean": normal((outputs,), 0.5),
            "running_var": torch.from_numpy(rng.uniform(0.5, 2, outputs)).float(),
        }
    return {
        "arguments": list(arguments),
        "places": places,
        "numbers": numbers,
        "images": normal((images, arguments[0], side, side)),
        "weighed_by": normal((images, 1, 1, 1)),
    }


def shortcut_places(inputs: int, outputs: int, stride: int, of: str = "") -> Places:
    if stride == 1 and inputs == outputs:
        return []
    return [(f"{of}convolution of the shortcut", [outputs, inputs, 1, 1])]


def basic_places(inputs: int, outputs: int, stride: int, of: str = "") -> Places:
    return [
        (f"{of}first convolution", [outputs, inputs, 3, 3]),
        (f"{of}second convolution", [outputs, outputs, 3, 3]),
        *shortcut_places(inputs, outputs, stride, of),
    ]


def bottleneck_places(inputs: int, width: int, stride: int) -> Places:
    return [
        ("first convolution", [width, inputs, 1, 1]),
        ("second convolution", [width, width, 3, 3]),
        ("third convolution", [4 * width, width, 1, 1]),
        *shortcut_places(inputs, 4 * width, stride),
    ]


def basic_block(challenge: Challenge, inputs: int, outputs: int, stride: int) -> Asked:
    arguments = (inputs, outputs, stride)
    return Asked(
        "BasicBlock",
        reference.BasicBlock,
        drawn(challenge, arguments, basic_places(*arguments)),
        mistaken(reference.BasicBlock, 2, stride),
    )


def bottleneck(challenge: Challenge, inputs: int, width: int, stride: int) -> Asked:
    arguments = (inputs, width, stride)
    return Asked(
        "Bottleneck",
        reference.Bottleneck,
        drawn(challenge, arguments, bottleneck_places(*arguments)),
        mistaken(reference.Bottleneck, 3, stride),
    )


def shortcut(challenge: Challenge, inputs: int, outputs: int, stride: int) -> Asked:
    """Wrong ones that keep their input's shape where they should, and so are no mistake of shapes."""
    arguments = (inputs, outputs, stride)

    def without_norm(*arguments: int) -> nn.Module:
        return next(reference.make_shortcut(*arguments).children())  # the convolution

    def with_relu(*arguments: int) -> nn.Module:
        return nn.Sequential(reference.make_shortcut(*arguments), nn.ReLU())

    mistakes: dict[str, Make] = {"a ReLU stood behind it": with_relu}
    if shortcut_places(*arguments):
        mistakes["it had no batch normalisation"] = without_norm
    data = drawn(challenge, arguments, shortcut_places(*arguments))
    return Asked("make_shortcut", reference.make_shortcut, data, mistakes)


def stage(challenge: Challenge, inputs: int, outputs: int, blocks: int, stride: int) -> Asked:
    places = basic_places(inputs, outputs, stride, "first block's ")
    for number in range(1, blocks):
        places += basic_places(outputs, outputs, 1, f"block {number + 1}'s ")
    arguments = (inputs, outputs, blocks, stride)

    def strided(*arguments: int) -> nn.Module:
        inputs, outputs, blocks, stride = arguments
        channels = [inputs] + [outputs] * (blocks - 1)
        return nn.Sequential(*(reference.BasicBlock(c, outputs, stride) for c in channels))

    def not_strided(*arguments: int) -> nn.Module:
        inputs, outputs, blocks, _ = arguments
        return reference.make_stage(inputs, outputs, blocks, 1)

    mistakes: dict[str, Make] = {
        "every block had the stride, and not the first one alone": strided,
        "no block had the stride": not_strided,
    }
    return Asked("make_stage", reference.make_stage, drawn(challenge, arguments, places), mistakes)
