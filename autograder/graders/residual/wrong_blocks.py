"""Blocks that are wrong on purpose, each a mistake that students make.

They have the reference's layers, so that they can be given the same drawn weights, and put them together in
another way. Where a student's block answers exactly as one of these does, the mistake has its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

Make = Callable[..., nn.Module]


@dataclass(frozen=True)
class Way:
    """How a block puts the reference's layers together.

    Attributes:
        relus: whether a ReLU stands behind each convolution of the main path, but for the last.
        relu_before: the last ReLU stands before the addition.
        relu_behind: one stands behind it.
        shortcut: what is added, of (block, x, main path behind its first ReLU).
        norm_behind: the last batch normalisation comes behind the addition.
        strides: of the convolutions of the main path, by their number.
    """

    relus: Sequence[bool] = (True, True)
    relu_before: bool = False
    relu_behind: bool = True
    shortcut: Callable[[Any, torch.Tensor, torch.Tensor], Any] = lambda block, x, _: block.shortcut(
        x
    )
    norm_behind: bool = False
    strides: Mapping[int, int] = field(default_factory=dict)


class Mistaken(nn.Module):
    """A block with the layers of a right one, put together in another way."""

    def __init__(self, right: nn.Module, way: Way) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(c for c in right.children() if isinstance(c, nn.Conv2d))
        self.norms = nn.ModuleList(c for c in right.children() if isinstance(c, nn.BatchNorm2d))
        self.shortcut: Any = right.shortcut
        self._way = way
        for number, stride in way.strides.items():
            layer: Any = self.convolutions[number]
            layer.stride = (stride, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        way, inner, first = self._way, x, x
        last = len(self.convolutions) - 1
        for number, (convolution, norm) in enumerate(
            zip(self.convolutions, self.norms, strict=True)
        ):
            inner = convolution(inner)
            if number < last or not way.norm_behind:
                inner = norm(inner)
            if number < last and way.relus[number]:
                inner = torch.relu(inner)
            first = inner if number == 0 else first
        if way.relu_before:
            inner = torch.relu(inner)
        inner = inner + way.shortcut(self, x, first)
        if way.norm_behind:
            inner = self.norms[last](inner)
        return torch.relu(inner) if way.relu_behind else inner


def _without_norm(block: Any, x: torch.Tensor, _first: torch.Tensor) -> torch.Tensor:
    """The projection alone; where the shortcut is the identity there is nothing to leave out."""
    whole_of_it = isinstance(block.shortcut, nn.Sequential)
    added: torch.Tensor = (block.shortcut[0] if whole_of_it else block.shortcut)(x)
    return added


def ways(convolutions: int, stride: int) -> dict[str, Way]:
    """Ways that are wrong, by the words that name them behind "as if"."""
    found = {
        "the shortcut were left out": Way(shortcut=lambda *_: 0.0),
        "the last ReLU stood before the addition, and none behind it": Way(
            relu_before=True, relu_behind=False
        ),
        "a ReLU stood before the addition, too, so that the sum can only grow": Way(
            relu_before=True
        ),
        "no ReLU stood behind the addition": Way(relu_behind=False),
        "the shortcut were added twice": Way(
            shortcut=lambda block, x, _: 2 * block.shortcut(x),
        ),
        "the shortcut began behind the first ReLU, and not at the block's input": Way(
            shortcut=lambda _block, _x, first: first
        ),
        "the shortcut went through a ReLU": Way(
            shortcut=lambda block, x, _: torch.relu(block.shortcut(x))
        ),
        "the shortcut had no batch normalisation": Way(shortcut=_without_norm),
        "the last batch normalisation stood behind the addition": Way(norm_behind=True),
    }
    for number in range(convolutions - 1):
        relus = [place != number for place in range(convolutions - 1)]
        found[f"no ReLU stood behind convolution {number + 1} of the main path"] = Way(relus=relus)
    strided = 0 if convolutions == 2 else 1
    if stride > 1:
        for number in range(convolutions):
            if number != strided:
                found[f"the stride stood in convolution {number + 1} of the main path"] = Way(
                    strides={strided: 1, number: stride}
                )
    return found


def mistaken(right: Make, convolutions: int, stride: int) -> dict[str, Make]:
    """Wrong blocks with the layers of a right one."""
    return {
        name: lambda *arguments, way=way: Mistaken(right(*arguments), way)
        for name, way in ways(convolutions, stride).items()
    }
