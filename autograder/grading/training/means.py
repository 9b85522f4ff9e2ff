"""The mean loss of an epoch, and the means that students take in its place."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.grading.compare import Mismatch, expect_shape
from autograder.grading.replies import Floats, fields, likely_mistake
from autograder.grading.training.task import Drawn

# float32 losses, summed in any order: measured below 1e-6. The mean of batch means is 0.018 away or more,
# since the last batch has the larger losses.
NEAR = 2e-3  # relative
# Of a loop whose mistake was told, what is near only by the draw's luck earns nothing: smoothed labels came
# within NEAR for 8 of 30 secrets, a skipped batch for 1.
SAME_MEAN = 2e-5  # relative


def batch_losses(drawn: Drawn) -> tuple[Floats, Floats]:
    """The mean loss of each batch, and its number of examples, with the parameters as drawn."""
    net, criterion = drawn.network(), drawn.task.criterion()
    with torch.no_grad():
        means = [float(criterion(drawn.task.activation(net(x)), y)) for x, y in drawn.batches()]
    return np.array(means), np.array([float(len(y)) for _, y in drawn.batches()])


def other_losses(reply: Any, drawn: Drawn) -> bool:
    """Whether the criterion gave some batch another loss than the right one.

    Args:
        reply: of `watched_epoch`, or None.
    """
    right, _ = batch_losses(drawn)
    try:
        given = expect_shape(fields(reply, "means")["means"], right.shape)
    except Mismatch:  # the criterion was not called once for each batch, or not at all
        return False
    return bool(np.any(np.abs(given - right) > NEAR * np.abs(right)))


def mistaken_means(means: Floats, sizes: Floats, noun: str) -> dict[str, Callable[[], list[float]]]:
    """What is returned in place of the mean loss, by the words that name it."""
    wrong = {
        "the means of the batches were averaged, and the smaller last batch weighed as much as the "
        "others": np.mean(means),
        f"the sum of the batch means were divided by the number of {noun}s": np.sum(means)
        / np.sum(sizes),
        "the batch means were added up, and not divided by anything": np.sum(means),
        f"the losses of all {noun}s were added up, and not divided": np.dot(means, sizes),
        f"the sum over all {noun}s were divided by the number of batches": np.dot(means, sizes)
        / len(sizes),
        "each batch mean were taken times the batch size of full batches": np.sum(means)
        * sizes[0]
        / np.sum(sizes),
        "only the last batch's loss were returned": means[-1],
        "only the losses of the first batch counted": means[0],
    }
    return {name: partial(list, (float(value),)) for name, value in wrong.items()}


def mistaken_mean(seen: float, drawn: Drawn, lead: str) -> str:
    """The sentence that names what was returned in place of the mean loss, or nothing."""
    guesses = mistaken_means(*batch_losses(drawn), drawn.task.noun)
    return likely_mistake([seen], guesses, 1e-4, lead)
