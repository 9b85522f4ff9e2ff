"""What the hidden tests of `residual` rest on: right blocks lie near the reference, and wrong ones do not.

Its cases are in tests/cases/residual. `python tests/graders/test_residual.py 60` prints the figures that
the graders' comments state.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from autograder.graders.residual import blocks, flow, reference, tasks
from autograder.graders.residual.blocks import TOLERANCE, Asked
from autograder.graders.residual.test_1_blocks import widths
from autograder.grading import Challenge, relative_difference
from autograder.grading.training import epoch
from autograder.grading.training.fit_challenges import moved_by_fit

# Equal in evaluation mode, where a 1×1 convolution may take the stride of the 3×3 one before it; and an
# identity that has no batch normalisation is right.
EQUAL = {"the stride stood in convolution 3 of the main path", "the shortcut had no batch norm"}


class Exact(nn.Conv2d):
    """A convolution that computes in float64: farther off than another order of summation."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self._conv_forward(input.double(), self.weight.double(), None)
        return answer.float()


def exactly(block: nn.Module) -> nn.Module:
    """The block with all its convolutions in float64."""
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d):
            layer.__class__ = Exact
    return block


def asked(number: int) -> Iterator[Asked]:
    challenge = Challenge(b"tolerance", str(number), "")
    few, many = widths(challenge)
    yield blocks.basic_block(challenge, few, few, 1)
    yield blocks.basic_block(challenge, few, many, 2)
    yield blocks.bottleneck(challenge, 4 * few, few, 1)
    yield blocks.bottleneck(challenge, many, few, 2)
    yield blocks.shortcut(challenge, few, many, 2)


def distances(number: int) -> tuple[float, dict[str, float]]:
    """The farthest right block, and each wrong one's distance."""
    farthest = 0.0
    wrong: dict[str, float] = {}
    for one in asked(number):
        right = one.by(lambda *arguments, one=one: exactly(one.right(*arguments)))
        farthest = max(farthest, relative_difference(right["answer"], one.wanted["answer"]))
        for name, make in one.mistakes.items():
            if not any(name.startswith(words) for words in EQUAL):
                try:
                    seen = one.by(make)["answer"]
                except RuntimeError:  # shapes that do not fit
                    continue
                distance = relative_difference(seen, one.wanted["answer"])
                wrong[name] = min(distance, wrong.get(name, distance))
    return farthest, wrong


def test_right_blocks_lie_below_the_tolerance_and_wrong_ones_above() -> None:
    for number in range(3):
        farthest, wrong = distances(number)
        assert farthest < TOLERANCE / 50
        assert len(wrong) > 12
        assert min(wrong.values()) > 10 * TOLERANCE, min(wrong, key=lambda name: wrong[name])


def test_wrong_norms_differ_from_the_reference_and_the_right_habits_do_not() -> None:
    for number in range(3):
        data = flow.drawn_batch(Challenge(b"norms", str(number), ""), True)

        def norms(function: Any, data: Any = data) -> Any:
            return torch.tensor([value for _, value in flow.norms_of(function, **data)["norms"]])

        right = norms(reference.gradient_norms)
        assert relative_difference(norms(flow.measured()), right) < 1e-5
        for name, wrong in flow.WRONG_NORMS.items():
            assert relative_difference(norms(wrong), right) > 5e-3, name


def test_three_epochs_with_momentum_are_told_from_what_is_nearly_that() -> None:
    drawn = tasks.FIT.drawn(Challenge(b"fit", "0", ""), 3)
    right = moved_by_fit(tasks.FIT.reference, drawn)
    assert relative_difference(moved_by_fit(tasks.FIT.reference, drawn), right) == 0
    for name, wrong in tasks.FIT.wrong.items():
        # A decay so small is what `make_loss_and_optimizer` is asked about, at rest.
        if not name.endswith("weight decay 5e-4"):
            assert relative_difference(moved_by_fit(wrong, drawn), right) > 2 * epoch.TOLERANCE, (
                name
            )


@pytest.mark.parametrize("bias", [True, False])
def test_a_bias_before_batch_normalisation_is_seen_and_changes_no_answer(bias: bool) -> None:
    """It costs the row of the layers alone: nothing that the block answers depends on it."""

    def biased(*arguments: int) -> nn.Module:
        block = reference.BasicBlock(*arguments)
        block.conv1 = nn.Conv2d(arguments[0], arguments[1], 3, arguments[2], 1, bias=bias)
        return block

    one = blocks.basic_block(Challenge(b"bias", "", ""), 3, 5, 2)
    seen = one.by(biased)
    assert seen["biases"] == bias
    assert relative_difference(seen["answer"], one.wanted["answer"]) == 0


def main(count: int) -> None:
    """Print the farthest right block and the nearest wrong ones, over so many challenges."""
    found = [distances(number) for number in range(count)]
    print(f"right blocks: at most {max(farthest for farthest, _ in found):.1e}")
    names = {name for _, wrong in found for name in wrong}
    nearest = {name: min(wrong.get(name, 9.0) for _, wrong in found) for name in names}
    for name in sorted(nearest, key=lambda name: nearest[name])[:6]:
        print(f"{nearest[name]:.3f}  {name}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
