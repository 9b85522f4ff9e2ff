"""Hidden tests of notebook 2: two learning rates, a frozen part that stands still, fine-tuning, and a start
from nothing to compare it with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from autograder.graders.transfer.probes import started_over
from autograder.graders.transfer.tasks import (
    EPOCH,
    FIT,
    FROZEN_EPOCH,
    RATES,
    SHORT,
    TUNED,
    WRONG,
    tiny_net,
)
from autograder.grading import (
    Challenge,
    Device,
    Student,
    as_array,
    describe,
    expect,
    fields,
    flag,
    graded,
    updates,
    vector,
)
from autograder.grading.training import drawn_state


def plain_net(classes: int) -> Any:
    """Two parts without batch normalisation, for images (B, 3, 8, 8)."""
    from collections import OrderedDict

    from torch import nn

    body = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    return nn.Sequential(OrderedDict(body=body, head=nn.Linear(24, classes)))


# In which mode the network is makes no difference here: how much it would is a matter of chance.
PLAIN = replace(EPOCH, task=replace(TUNED, build=plain_net, uses=()), norm_task=None)

# make_optimizer


@graded("make_optimizer_tests", weight=3)
def test_each_part_has_its_own_rate(student: Student, challenge: Challenge) -> None:
    """Adam moves the head at the head's rate and the body at its own.

    We set gradients by hand, made three steps, and compared every parameter.
    """
    rates = {"head": float(challenge.rng.uniform(1e-2, 3e-2)), "body": 2e-4}
    RATES.expect_rates(student, challenge, rates)


@graded("make_optimizer_tests", weight=3)
def test_a_frozen_body_is_left_out(student: Student, challenge: Challenge) -> None:
    """What is frozen has no place in the optimizer.

    We froze the body, set gradients nevertheless, and made three steps: the head should move alone.
    """
    rates = {"head": float(challenge.rng.uniform(1e-2, 3e-2)), "body": 2e-4}
    RATES.expect_rates(student, challenge, rates, frozen=["body"])


# train_epoch


@graded("train_epoch_tests", weight=3)
def test_each_batch_makes_one_step_with_its_own_gradient(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """Each batch makes one step, with the gradient of its own cross-entropy.

    We trained a small network, nothing of it frozen, for one epoch with plain gradient descent, and compared
    how far every parameter moved.
    """
    EPOCH.expect_steps(student, challenge, device, learning_rate=0.1)


@graded("train_epoch_tests", weight=2)
def test_a_frozen_body_stands_still(student: Student, challenge: Challenge, device: Device) -> None:
    """While the body is frozen its running statistics stand still, and the head learns from them.

    We trained a network with a frozen body. Batch normalisation in training mode uses each batch's own
    statistics and moves the running ones, whether its parameters are frozen or not.
    """
    FROZEN_EPOCH.expect_training_mode(student, challenge, device)
    FROZEN_EPOCH.expect_steps(student, challenge, device, learning_rate=0.3)


@graded("train_epoch_tests", weight=2)
def test_a_body_that_learns_is_in_training_mode(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """A body that is not frozen is in training mode, and sees each batch once.

    We gave a network in evaluation mode, and looked at its running statistics afterwards; and whether each
    batch is moved to the device.
    """
    EPOCH.expect_training_mode(student, challenge, device)
    EPOCH.expect_placed(student, challenge, device, "inputs")


@graded("train_epoch_tests", weight=2)
def test_the_result_is_the_mean_loss_per_image(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The result is the mean loss per image, as a float.

    The learning rate was 0. The last batch was smaller: its images count as much as all others.
    """
    PLAIN.expect_mean_loss(student, challenge, device)


# fine_tune


@graded("fine_tune_tests", weight=2)
def test_the_history_has_one_loss_and_one_accuracy_an_epoch(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The history holds the training loss and the test accuracy, one float an epoch, of both parts.

    We asked for one epoch and for three. The keys are "train_loss" and "test_accuracy".
    """
    FIT.expect_history(student, challenge, device)


@graded("fine_tune_tests", weight=4)
def test_the_head_first_and_then_everything(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """First the head alone, then everything, the body at its smaller rate.

    We ran one epoch of the first part and two of the second, and compared every parameter and the history.
    `fine_tune` stands on your other functions: if one of these was not right, look there first.
    """
    FIT.expect_epochs(student, challenge, device)


@graded("fine_tune_tests", weight=3)
def test_a_short_run_learns(student: Student, challenge: Challenge, device: Device) -> None:
    """From the trained network, a short run on few images answers new ones well.

    We gave your fine_tune the trained body with a new head and 80 images of the new classes, took the
    parameters, and computed the training loss and the accuracy on images that it never saw ourselves.
    """
    with FIT.explaining(student, FIT.drawn(challenge, 3)):
        SHORT.expect_learns(student, challenge, device)
    lucky = [WRONG[name] for name in sorted(SHORT.lucky & set(WRONG))]
    why = "what is trained when, and how fast, is not as it was asked for."
    FIT.expect_no_luck(student, challenge, device, lucky, why)


# start_over

CLASSES = 4


def copies(
    student: Student, challenge: Challenge
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    start = drawn_state(lambda: tiny_net(CLASSES), challenge.seed)
    for name, part in start.items():
        if part.is_floating_point() and not name.endswith(("0.weight", "4.weight", "head.weight")):
            part += torch.from_numpy(challenge.rng.uniform(0.5, 2, part.shape)).float()
    reply = fields(student.run(started_over, start=start, classes=CLASSES), "module", "fresh")
    expect(
        flag(reply["module"]),
        f"start_over should return a network; yours returns {describe(reply['fresh'])}.",
    )
    return fields(reply, "shared", "again", "learns", "given"), start


def layers(state: Any, start: dict[str, torch.Tensor], *ends: str) -> dict[str, Any]:
    """The tensors whose names end so, checked."""
    names = {name: part for name, part in start.items() if name.endswith(ends)}
    vector(state, names)
    return {name: as_array(state[name]) for name in names}


WEIGHTS = ("0.weight", "4.weight", "head.weight")


@graded("start_over_tests", weight=2)
def test_the_network_that_was_given_stays_as_it_is(student: Student, challenge: Challenge) -> None:
    """A new network comes back, and the one that was given stays as it is.

    The trained one is still needed: to compare with.
    """
    reply, start = copies(student, challenge)
    numbers = {name: part for name, part in start.items() if part.is_floating_point()}
    moved = np.any(updates(reply["given"], numbers))
    expect(not moved, "The network that was given was changed. Is it copied first, and deeply?")
    expect(
        not flag(reply["shared"]), "The new network shares parameters with the one that was given."
    )
    vector(reply["fresh"], numbers)


@graded("start_over_tests", weight=2)
def test_every_layer_is_drawn_anew(student: Student, challenge: Challenge) -> None:
    """All convolutions and the head are drawn anew, at random, as layers are when they are made.

    We called it twice: the two should differ from what was given, and from each other.
    """
    reply, start = copies(student, challenge)
    fresh, again = (layers(reply[name], start, *WEIGHTS) for name in ("fresh", "again"))
    kept = [name for name in fresh if np.array_equal(fresh[name], start[name].numpy())]
    expect(len(kept) < len(fresh), "The weights are those that were given: nothing was drawn anew.")
    expect(not kept, f"The weights of {', '.join(kept)} are still those that were given.")
    for name, weight in fresh.items():
        size = float(weight.std()) * np.sqrt(weight[0].size)  # of torch's own layers 0.58
        expect(size > 0.05, f"The weights of {name} are all alike: are they drawn?")
        expect(size < 5, f"The weights of {name} are far larger than those of a new layer.")
        expect(
            not np.array_equal(weight, again[name]),
            "Twice the same weights were drawn. Is a seed set inside?",
        )


@graded("start_over_tests", weight=1)
def test_batch_normalisation_has_forgotten_too(student: Student, challenge: Challenge) -> None:
    """Scale, shift and running statistics of batch normalisation are as at the beginning.

    What it has seen is something learnt as well.
    """
    reply, start = copies(student, challenge)
    for ends, value, what in (
        (("1.weight", "5.weight"), 1.0, "scales"),
        (("1.bias", "5.bias"), 0.0, "shifts"),
        (("running_mean",), 0.0, "running means"),
        (("running_var",), 1.0, "running variances"),
    ):
        seen = layers(reply["fresh"], start, *ends)
        same = all(bool(np.all(part == value)) for part in seen.values())
        expect(same, f"The {what} of batch normalisation are not those of a new layer.")


@graded("start_over_tests", weight=1)
def test_nothing_of_it_is_frozen(student: Student, challenge: Challenge) -> None:
    """All parameters of the new network require gradients.

    The body of the one that was given was frozen, and a copy is frozen, too.
    """
    reply, start = copies(student, challenge)
    learns = fields(reply["learns"], "head.weight", "body.0.weight")
    free = {name: flag(part) for name, part in learns.items() if name in start}
    expect(all(free.values()), "Some of its parameters are still frozen.")
