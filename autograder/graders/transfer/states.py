"""Networks that have been trained, as it were, and the parts of what came of them."""

from __future__ import annotations

from typing import Any

import torch

from autograder.graders.transfer.tasks import tiny_net
from autograder.grading import Challenge, expect, flag
from autograder.grading.training import drawn_state

OLD = 5  # classes of the small network that is asked
STATISTICS = ("running_mean", "running_var")


def drawn(challenge: Challenge, number: int = 0, classes: int = OLD) -> dict[str, torch.Tensor]:
    """Parameters and statistics of a small network that has been trained, as it were."""
    state = drawn_state(lambda: tiny_net(classes), challenge.seed + number)
    for name, part in state.items():
        if name.endswith(STATISTICS):
            part += torch.from_numpy(challenge.rng.uniform(0.5, 2, part.shape)).float()
        elif name.endswith(("1.weight", "1.bias", "5.weight", "5.bias")):  # of batch normalisation
            part += torch.from_numpy(challenge.rng.normal(size=part.shape)).float() / 4
    return state


def split(state: dict[str, torch.Tensor]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters, and the running statistics."""
    statistics = {name: part for name, part in state.items() if name.endswith(STATISTICS)}
    skipped = {*statistics, *(name for name in state if name.endswith("num_batches_tracked"))}
    return {name: part for name, part in state.items() if name not in skipped}, statistics


def expect_returned(reply: dict[str, Any], function: str) -> None:
    expect(flag(reply["same"]), f"{function} should return the network that it was given.")
