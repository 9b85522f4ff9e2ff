"""Hidden tests of notebook 3: the device, the loop, the validation, the fit, the curves.

The loop is judged by equality: the same network, batches and optimizer here and in the box, and the
parameters must have moved alike. `fit` must also learn: see `test_a_short_run_learns`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.graders.figures import axes_drawn, axes_in, draws, points_drawn, points_in
from autograder.graders.vgg16 import full_run, short_run, trained_weights
from autograder.graders.vgg16.devices import picked_devices
from autograder.graders.vgg16.tasks import (
    EPOCH,
    FIT,
    LUCKY_FITS,
    OPTIMIZER,
    VALIDATION,
)
from autograder.grading import (
    BonusFile,
    Challenge,
    Device,
    Floats,
    Mismatch,
    Student,
    bonus,
    describe,
    expect,
    fields,
    flag,
    graded,
    probe,
    sequence,
)
from autograder.grading.training import expect_reached

# pick_device


def device_type(answer: Any) -> str:
    is_device, kind, device = sequence(answer, "What pick_device gave", 3)
    expect(
        isinstance(is_device, bool) and is_device,
        f"pick_device should return a torch.device; yours returns {describe(device)}.",
    )
    return str(kind)


@graded("pick_device_tests", weight=1)
def test_without_a_gpu_the_cpu_is_picked(student: Student) -> None:
    """The CPU is picked where there is no GPU.

    We also let torch say that there is none. The result should be a torch.device, not a string.
    """
    reply = fields(student.run(picked_devices), "here", "gpu_here", "with", "without")
    expect(device_type(reply["without"]) == "cpu", "Without a GPU the CPU should be picked.")
    kind = device_type(reply["here"])
    expect(flag(reply["gpu_here"]) or kind == "cpu", "This machine has no GPU, but one was picked.")


@graded("pick_device_tests", weight=1)
def test_the_gpu_is_picked_when_there_is_one(student: Student) -> None:
    """The GPU is picked where there is one.

    We let torch say that it sees a GPU. Do you ask torch, or is the answer fixed?
    """
    reply = fields(student.run(picked_devices), "here", "gpu_here", "with", "without")
    expect(device_type(reply["with"]) == "cuda", "With a GPU in the machine it should be picked.")
    kind = device_type(reply["here"])
    expect(
        kind != "cpu" or not flag(reply["gpu_here"]), "This machine has a GPU; the CPU was picked."
    )


# make_criterion_and_optimizer


@graded("make_criterion_and_optimizer_tests", weight=1)
def test_the_criterion_is_the_negative_log_likelihood(
    student: Student, challenge: Challenge
) -> None:
    """The criterion is the mean negative log-likelihood of log-probabilities.

    We gave it random scores and labels. Does it take a log-softmax of its own, or add up where it
    should average?
    """
    # The function F.nll_loss computes the same as nn.NLLLoss(), and is right as well.
    OPTIMIZER.expect_loss(student, challenge)


@graded("make_criterion_and_optimizer_tests", weight=2)
def test_adam_moves_all_parameters_with_the_given_learning_rate(
    student: Student, challenge: Challenge
) -> None:
    """The optimizer is Adam over all parameters, with the given learning rate and no other options.

    We set gradients, made some steps and compared every parameter of the network: three steps with
    gradients of many sizes, and one with large gradients before many with small ones.
    """
    for learning_rate in (3e-3, float(challenge.rng.uniform(1e-2, 3e-2))):
        OPTIMIZER.expect_optimizer(student, challenge, learning_rate)
    OPTIMIZER.expect_optimizer(student, challenge, 3e-3, calms_down=True)


@graded("make_criterion_and_optimizer_tests", weight=1)
def test_the_default_learning_rate_is_a_ten_thousandth(
    student: Student, challenge: Challenge
) -> None:
    """Unless told otherwise the learning rate is 1e-4.

    We called the function with the network alone, and made three steps.
    """
    OPTIMIZER.expect_optimizer(student, challenge, None)


# train_epoch


@graded("train_epoch_tests", weight=5)
def test_each_batch_makes_one_step_with_its_own_gradient(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """Each batch makes one step, with the gradient of its own loss.

    We trained a small network for one epoch with plain gradient descent and compared how far every
    parameter moved. Per batch: zero the gradients, forward, log-softmax over the classes,
    criterion, backward, step.
    """
    EPOCH.expect_steps(student, challenge, device, learning_rate=0.3)


@graded("train_epoch_tests", weight=2)
def test_the_epoch_runs_in_training_mode(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The network is in training mode, and sees each batch once.

    We gave a network with batch normalisation in evaluation mode, and looked at its running
    statistics afterwards: they follow each batch that passes in training mode.
    """
    EPOCH.expect_training_mode(student, challenge, device)


@graded("train_epoch_tests", weight=3)
def test_the_result_is_the_mean_loss_per_image(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The result is the mean loss per image, as a float.

    We kept the parameters still (learning rate 0), so that only the forward pass and the averaging
    count. The last batch was smaller: its images count as much as all others, not its mean as much
    as other means.
    """
    EPOCH.expect_mean_loss(student, challenge, device)


@graded("train_epoch_tests", weight=1)
def test_the_lectures_loop_moves_everything_alike(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """One epoch with Adam and batch normalisation moves the parameters as the reference does.

    This is the whole loop at once, with the course's own optimizer. Each batch is moved to the device.
    """
    EPOCH.expect_steps(student, challenge, device, norm=True, learning_rate=3e-3, optimizer="Adam")
    EPOCH.expect_placed(student, challenge, device, "inputs", "labels")


@graded("train_epoch_tests", weight=1)
def test_the_given_criterion_is_used(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The loss comes from the criterion that was passed in.

    We passed one that weighs errors differently. Is a loss function named inside the loop?
    """
    EPOCH.expect_given_criterion(student, challenge, device, learning_rate=0.3)


# validate


@graded("validate_tests", weight=3)
def test_the_accuracy_is_that_of_all_images_in_evaluation_mode(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The result is the fraction of right answers over all images, in evaluation mode.

    The last batch was smaller, and the network answers differently in training mode. The result is
    a float from 0 to 1.
    """
    VALIDATION.expect_accuracy(student, challenge, device)


@graded("validate_tests", weight=1)
def test_validation_runs_without_gradients(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The forward passes run in evaluation mode and build no graph for gradients.

    The graph costs memory for nothing. Which context switches it off? And the images are moved to the
    device before them.
    """
    VALIDATION.expect_no_gradients(student, challenge, device)


@graded("validate_tests", weight=2)
def test_validation_leaves_the_network_as_it_was(student: Student, challenge: Challenge) -> None:
    """Parameters, gradients, statistics and the training mode are the same afterwards.

    We validated a network that was in training mode and one that was not, both with gradients in
    place. Does yours put back the mode that it found?
    """
    VALIDATION.expect_nothing_changed(student, challenge)


# fit


@graded("fit_tests", weight=1)
def test_the_history_has_one_loss_and_one_accuracy_an_epoch(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The history holds the training loss and the test accuracy, one float an epoch.

    We asked for one epoch and for three. The keys are "train_loss" and "test_accuracy".
    """
    FIT.expect_history(student, challenge, device)


@graded("fit_tests", weight=2)
def test_fit_trains_and_validates_with_one_optimizer(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """Each epoch trains and then validates, with one optimizer for all epochs.

    We ran three epochs from the same parameters and compared every parameter and the history; and we
    looked whether the network was moved to the device. `fit` stands on your train_epoch and validate:
    if one of these was not right, look there first.
    """
    FIT.expect_epochs(student, challenge, device)


@graded("fit_tests", weight=3)
def test_a_short_run_learns(
    student: Student,
    challenge: Challenge,
    device: Device,
    images: Path | None,
    note: Callable[..., None],
) -> None:
    """A short training run lowers the loss and answers new images well.

    We trained a VGG for a few epochs with your fit, took its parameters, and computed the training
    loss and the accuracy on images that it never saw ourselves. `fit` stands on your train_epoch and
    make_criterion_and_optimizer: if one of these was not right, look there first.
    """
    thresholds, why = full_run.thresholds_for(device, images)
    if thresholds is None:
        note("Decided in the short size, on the CPU.", why)
        with FIT.explaining(student, FIT.drawn(challenge, 1)):
            short_run.SHORT.expect_learns(student, challenge, device)
    else:
        note(f"Decided by a run of the real VGG16, on {device.title}.", "", size="full")
        # What cannot run on the CPU at all fails there, and so here.
        FIT.result_of(student, FIT.drawn(challenge, 1), device)
        run = full_run.drawn_run(challenge.seed, full_run.source_of(images), device.name)
        result = run.judge(student.run(full_run.full_run, **run.data))
        with FIT.explaining(student, FIT.drawn(challenge, 1)):
            expect_reached(result, short_run.GOALS, thresholds, student)
    why = "what goes into the criterion, or the size of the steps, is not what it should be."
    FIT.expect_no_luck(student, challenge, device, LUCKY_FITS.values(), why)


# plot_history


@probe(uses=(axes_drawn, points_drawn))
def drawn_history(plot_history: Any, history: Any) -> Any:
    """The axes of the figure: their labels and the points of everything drawn in them."""
    import numpy as np
    from matplotlib.patches import Rectangle

    def look(axis: Any, _figure: Any) -> Any:
        bars = [
            (bar.get_x() + bar.get_width() / 2, bar.get_height())
            for bar in axis.patches
            if isinstance(bar, Rectangle)
        ]
        points = [*points_drawn(axis), np.array(bars, float).reshape(-1, 2)]
        return {"ylabel": axis.get_ylabel(), "points": points}

    return axes_drawn(lambda: plot_history(history), look)


def history_axes(
    student: Student, challenge: Challenge
) -> tuple[list[Any], dict[str, list[float]]]:
    epochs = int(challenge.rng.integers(4, 8))
    history = {
        "train_loss": [float(value) for value in challenge.rng.uniform(0.3, 2.3, epochs)],
        "test_accuracy": [float(value) for value in challenge.rng.uniform(0.1, 0.9, epochs)],
    }
    reply = student.run(drawn_history, history=history)
    return axes_in(reply, "plot_history", "ylabel", "points"), history


@graded("plot_history_tests", weight=1)
def test_the_figure_has_two_labelled_axes(student: Student, challenge: Challenge) -> None:
    """The figure has two axes, both with a y label.

    Side by side, one above the other, or twinned: all are fine, and so are labels in any language.
    """
    axes, history = history_axes(student, challenge)
    expect(len(axes) >= 2, f"The figure should have two axes; yours has {len(axes)}.")
    labels = [
        axis["ylabel"]
        for axis in axes
        if isinstance(axis["ylabel"], str) and axis["ylabel"].strip()
    ]
    expect(len(labels) >= 2, "Both axes should have a y label.")
    expect(
        sum(any(map(len, points_in(axis))) for axis in axes) >= 2,
        "Two axes should have a curve in them.",
    )
    loss, accuracy = axes_of(axes, history)
    for own, other, numbers in (
        ("loss", "accuracy", loss - accuracy),
        ("accuracy", "loss", accuracy - loss),
    ):
        for number in numbers:
            expect(
                not names_only(other, own, str(axes[number]["ylabel"])),
                f"The y label of the axes with the {own} names the {other}.",
            )


def names_only(quantity: str, other: str, label: str) -> bool:
    """Whether a label names this quantity, in English, and not the other; any other words may be right."""
    words = {{"acc": "accuracy"}.get(word, word) for word in re.findall("[a-z]+", label.lower())}
    return quantity in words and other not in words


@graded("plot_history_tests", weight=1)
def test_loss_and_accuracy_are_drawn_over_the_epochs(
    student: Student, challenge: Challenge
) -> None:
    """The loss is drawn in one axes and the accuracy in the other, over the epochs 1, 2, ….

    We drew a random history. Epochs are counted from 1.
    """
    axes, history = history_axes(student, challenge)
    with_loss, with_accuracy = axes_of(axes, history)
    expect(bool(with_loss), "No axes shows the training loss over the epochs 1, 2, ….")
    expect(bool(with_accuracy), "No axes shows the test accuracy over the epochs 1, 2, ….")
    expect(
        len(with_loss | with_accuracy) >= 2,
        "Loss and accuracy share one y axis; each should have its own.",
    )


def axes_of(
    axes: list[dict[str, Any]], history: dict[str, list[float]]
) -> tuple[set[int], set[int]]:
    """The numbers of the axes in which the loss is drawn, and of those with the accuracy."""
    loss, accuracy = np.array(history["train_loss"]), np.array(history["test_accuracy"])

    def with_one_of(*curves: Floats) -> set[int]:
        return {
            number
            for number, axis in enumerate(axes)
            if any(draws(axis, curve, atol=1e-6) for curve in curves)
        }

    return with_one_of(loss), with_one_of(accuracy, 100 * accuracy)


# the bonus for trained weights


@lru_cache(maxsize=1)
def accuracy_of(file: BonusFile, images: Path | None, device: Device) -> float | str:
    """Computed once for all levels; for a file that cannot be used, what the student reads."""
    try:
        weights = file.tensors(trained_weights.shapes())
    except Mismatch as wrong:
        return str(wrong)
    return trained_weights.accuracy(weights, images, device)


@bonus("trained_weights_tests")
@pytest.mark.parametrize("level", trained_weights.LEVELS, ids="{:.0%}".format)
def test_the_trained_network_is_right_on_new_images(
    bonus_files: Mapping[str, BonusFile],
    images: Path | None,
    device: Device,
    note: Callable[..., None],
    level: float,
) -> None:
    """The network that you trained is right on enough new images.

    We loaded your file into torchvision's VGG16 with ten classes and asked it about images that it has not
    seen, as make_transform gives them: 224 pixels a side, values from 0 to 1. Each share of right answers
    that it reaches earns a part of the bonus.
    """
    seen = accuracy_of(bonus_files["trained_weights_tests"], images, device)
    if isinstance(seen, str):
        raise Mismatch(seen)
    note(f"It was right on {seen:.1%} of {trained_weights.IMAGES} images, on {device.title}.")
    expect(seen >= level, f"Here {level:.0%} are asked for; yours was right on {seen:.1%}.")
