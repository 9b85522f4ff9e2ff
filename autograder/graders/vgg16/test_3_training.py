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
import torch

from autograder.graders.vgg16 import (
    fitting,
    full_run,
    on_device,
    reference,
    runs,
    short_run,
    trained_weights,
    training,
    validation,
)
from autograder.graders.vgg16.devices import picked_devices
from autograder.graders.vgg16.figures import drawn_history
from autograder.graders.vgg16.optimizer import AdamChallenge
from autograder.graders.vgg16.training import TOLERANCE, TrainingChallenge, training_challenge
from autograder.graders.vgg16.wrong_loops import ERRORS, WRONG_LOOPS
from autograder.grading import (
    BonusFile,
    Challenge,
    Device,
    Floats,
    Mismatch,
    Probe,
    Student,
    StudentRaised,
    bonus,
    describe,
    expect,
    expect_close,
    expect_type,
    fields,
    flag,
    graded,
    likely_mistake,
    real,
    relative_difference,
    sequence,
    updates,
    vector,
)

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
    drawn = AdamChallenge(challenge, 1e-3)
    # Only what it computes is asked: `F.nll_loss` is as right as `nn.NLLLoss()`, whatever its type.
    loss = drawn.of(student)["loss"]
    scores, labels = drawn.scores, drawn.labels
    right = torch.nn.functional.nll_loss(scores, labels)
    expect_type(loss, torch.Tensor, "the loss")
    expect(loss.numel() == 1, f"The loss should be one number; yours is {describe(loss)}.")
    wrong = {
        "the criterion took a log-softmax of its own (cross-entropy)": lambda: [
            torch.nn.functional.cross_entropy(scores, labels)
        ],
        "the losses were added up and not averaged": lambda: [right * len(labels)],
    }
    seen = loss.reshape(1)
    matches = relative_difference(seen, [float(right)]) <= 1e-4
    hint = "" if matches else likely_mistake(seen, wrong, 1e-4, "It is as if")
    expect_close(seen, [float(right)], rtol=1e-4, what="the criterion's value", hint=hint)


@graded("make_criterion_and_optimizer_tests", weight=2)
def test_adam_moves_all_parameters_with_the_given_learning_rate(
    student: Student, challenge: Challenge
) -> None:
    """The optimizer is Adam over all parameters, with the given learning rate and no other options.

    We set gradients, made some steps and compared every parameter of the network: three steps with
    gradients of many sizes, and one with large gradients before many with small ones.
    """
    for learning_rate in (3e-3, float(challenge.rng.uniform(1e-2, 3e-2))):
        drawn = AdamChallenge(challenge, learning_rate)
        drawn.expect_adam(updates(drawn.of(student)["state"], drawn.start))
    calmer = AdamChallenge(challenge, 3e-3, calms_down=True)
    calmer.expect_adam(updates(calmer.of(student)["state"], calmer.start))


@graded("make_criterion_and_optimizer_tests", weight=1)
def test_the_default_learning_rate_is_a_ten_thousandth(
    student: Student, challenge: Challenge
) -> None:
    """Unless told otherwise the learning rate is 1e-4.

    We called the function with the network alone, and made three steps.
    """
    drawn = AdamChallenge(challenge, None)
    drawn.expect_adam(updates(drawn.of(student)["state"], drawn.start))


# train_epoch


def epoch_of(student: Student, drawn: TrainingChallenge) -> dict[str, Any]:
    """What one epoch of the student's came to; errors of torch's come with a question."""
    try:
        return fields(student.run(training.one_epoch, **drawn.data), "loss", "state")
    except StudentRaised as raised:
        for words, question in ERRORS.items():
            if words in str(raised):
                raise raised.asking(question) from None
        raise


def expect_same_updates(student: Student, challenged: TrainingChallenge, device: Device) -> None:
    """Fail, with the mistake's name where it is known, unless the parameters moved rightly."""
    for drawn in challenged.on_each(device):
        reply = epoch_of(student, drawn)
        seen = updates(reply["state"], drawn.parameters)
        if relative_difference(seen, moved_by(reference.train_epoch, drawn)) <= TOLERANCE:
            continue
        mistakes = {
            name: lambda loop=loop, drawn=drawn: moved_by(loop, drawn)
            for name, loop in WRONG_LOOPS.items()
        }
        hint = likely_mistake(seen, mistakes, TOLERANCE, "Your parameters moved exactly as if")
        where = there(drawn.data)
        expect(
            False, f"The parameters did not move{where} as one epoch of training moves them. {hint}"
        )


def there(data: dict[str, Any]) -> str:
    """Words for a device other than the CPU, on which all has passed before."""
    return "" if data["device_name"] == "cpu" else " on the GPU"


def moved_by(train_epoch: Any, drawn: TrainingChallenge) -> Floats:
    return updates(training.one_epoch(train_epoch, **drawn.data)["state"], drawn.parameters)


@graded("train_epoch_tests", weight=5)
def test_each_batch_makes_one_step_with_its_own_gradient(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """Each batch makes one step, with the gradient of its own loss.

    We trained a small network for one epoch with plain gradient descent and compared how far every
    parameter moved. Per batch: zero the gradients, forward, log-softmax over the classes,
    criterion, backward, step.
    """
    drawn = training_challenge(challenge, norm=False, learning_rate=0.3)
    expect_same_updates(student, drawn, device)


@graded("train_epoch_tests", weight=2)
def test_the_epoch_runs_in_training_mode(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The network is in training mode, and sees each batch once.

    We gave a network with batch normalisation in evaluation mode, and looked at its running
    statistics afterwards: they follow each batch that passes in training mode.
    """
    for drawn in training_challenge(challenge, norm=True, learning_rate=0.0).on_each(device):
        state = epoch_of(student, drawn)["state"]
        steps = fields(state, "1.num_batches_tracked")["1.num_batches_tracked"]
        expect_type(steps, torch.Tensor, "the number of batches")
        expect(
            steps.numel() == 1 and float(steps) > 0,
            "The running statistics never moved: the network was not in training mode.",
        )
        same = training.one_epoch(reference.train_epoch, **drawn.data)
        right, seen = (
            vector(same["state"], drawn.buffers),
            vector(state, drawn.buffers, "statistic"),
        )
        expect(
            relative_difference(seen, right) <= TOLERANCE,
            "The running statistics are not those of one pass over the loader in training mode.",
        )


@graded("train_epoch_tests", weight=3)
def test_the_result_is_the_mean_loss_per_image(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The result is the mean loss per image, as a float.

    We kept the parameters still (learning rate 0), so that only the forward pass and the averaging
    count. The last batch was smaller: its images count as much as all others, not its mean as much
    as other means.
    """
    for drawn in training_challenge(challenge, norm=False, learning_rate=0.0).on_each(device):
        expect_mean_loss(epoch_of(student, drawn), drawn)


def expect_mean_loss(reply: dict[str, Any], drawn: TrainingChallenge) -> None:
    """Fail, with the mistake's name where it is known, unless the loss is the mean over images."""
    loss = reply["loss"]
    expect(loss is not None, "train_epoch should return the mean loss; yours returns None.")
    seen = real(loss, "the mean loss")
    right = training.one_epoch(reference.train_epoch, **drawn.data)["loss"]
    # float32 losses, summed in any order: measured below 1e-6. The mean of batch means is 0.018
    # away or more, since the last batch has the larger losses.
    if abs(seen - right) <= 2e-3 * right:
        # How much steps that should not be there change the loss is a matter of chance.
        still = not np.any(updates(reply["state"], drawn.parameters))
        expect(still, "With a learning rate of 0 nothing should move; your parameters did.")
        return
    means, sizes = training.batch_losses(drawn)
    wrong: dict[str, Any] = {
        "the means of the batches were averaged, and the smaller last batch weighed as much as the "
        "others": lambda: [np.mean(means)],
        "the sum of the batch means were divided by the number of images": lambda: [
            np.sum(means) / np.sum(sizes)
        ],
        "the batch means were added up, and not divided by anything": lambda: [np.sum(means)],
        "the losses of all images were added up, and not divided": lambda: [np.dot(means, sizes)],
        "the sum over all images were divided by the number of batches": lambda: [
            np.dot(means, sizes) / len(sizes)
        ],
        "each batch mean were taken times the batch size of full batches": lambda: [
            np.sum(means) * sizes[0] / np.sum(sizes)
        ],
        "only the last batch's loss were returned": lambda: [means[-1]],
        "only the first batch's loss were returned": lambda: [means[0]],
    }
    # Eight guesses: where the loss itself is another one, a wider net would catch by chance.
    hint = likely_mistake([seen], wrong, 1e-4, "It is as if")
    expect(False, f"The mean loss per image is not right. {hint}")


@graded("train_epoch_tests", weight=1)
def test_the_lectures_loop_moves_everything_alike(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """One epoch with Adam and batch normalisation moves the parameters as the reference does.

    This is the whole loop at once, with the course's own optimizer. Each batch is moved to the device.
    """
    drawn = training_challenge(challenge, norm=True, learning_rate=3e-3, optimizer="Adam")
    expect_same_updates(student, drawn, device)
    ask = on_device.epoch_placement
    on_device.expect_moved(student, ask, drawn.data, device, "images", "labels")


@graded("train_epoch_tests", weight=1)
def test_the_given_criterion_is_used(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The loss comes from the criterion that was passed in.

    We passed one that weighs errors differently. Is a loss function named inside the loop?
    """
    factor = float(challenge.rng.uniform(0.3, 0.5))
    challenged = training_challenge(challenge, norm=False, learning_rate=0.3, factor=factor)
    for drawn in challenged.on_each(device):
        seen = updates(epoch_of(student, drawn)["state"], drawn.parameters)
        right = moved_by(reference.train_epoch, drawn)
        expect(
            relative_difference(seen, right) <= TOLERANCE,
            "The parameters did not move as the gradient of the given criterion moves them.",
        )


# validate


def validated(student: Student, data: dict[str, Any]) -> dict[str, Any]:
    """What a validation came to; who asks nothing of the network leaves nothing to be judged."""
    seen = fields(
        student.run(validation.one_validation, **data),
        *(
            "accuracy",
            "any_pass",
            "any_training",
            "any_graph",
            "trains_after",
            "requires_grad",
            "state",
            "gradients",
        ),
    )
    expect(flag(seen["any_pass"]), "The network was never called: no image was looked at.")
    return seen


@graded("validate_tests", weight=3)
def test_the_accuracy_is_that_of_all_images_in_evaluation_mode(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The result is the fraction of right answers over all images, in evaluation mode.

    The last batch was smaller, and the network answers differently in training mode. The result is
    a float from 0 to 1.
    """
    data = validation.validation_challenge(challenge, training=True)
    for name in device.names:
        expect_accuracy(validated(student, {**data, "device_name": name}), data)


def expect_accuracy(seen: dict[str, Any], data: dict[str, Any]) -> None:
    """Fail, with the mistake's name where it is known, unless the accuracy is that over all images."""
    expect(seen["accuracy"] is not None, "validate should return the accuracy; yours returns None.")
    accuracy = real(seen["accuracy"], "the accuracy")
    # How many answers turn while the network is trained is a matter of chance.
    still = not np.any(updates(seen["state"], training.parameters_of(data["state"])))
    expect(
        still,
        "The accuracy is not right: it should be that of the network that was given, and the parameters "
        "changed on the way. Is something trained here?",
    )
    right, sizes = (np.array(numbers) for numbers in validation.accuracies(data, False))
    if abs(accuracy - right.sum() / sizes.sum()) < 1e-4:  # one image is more than 1e-2
        return
    in_training, _ = validation.accuracies(data, True)
    wrong = {
        name: lambda value=value: [value]
        for name, value in validation.mistaken_accuracies(right, sizes, in_training).items()
    }
    hint = likely_mistake([accuracy], wrong, 1e-4, "It is as if")
    expect(False, f"The accuracy is not right. {hint}")


@graded("validate_tests", weight=1)
def test_validation_runs_without_gradients(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The forward passes run in evaluation mode and build no graph for gradients.

    The graph costs memory for nothing. Which context switches it off? And the images are moved to the
    device before them.
    """
    data = validation.validation_challenge(challenge, training=True)
    seen = validated(student, data)
    expect(not flag(seen["any_training"]), "The network answered in training mode.")
    expect(not flag(seen["any_graph"]), "The forward pass kept a graph for gradients.")
    on_device.expect_moved(student, on_device.validation_placement, data, device, "images")


@graded("validate_tests", weight=2)
def test_validation_leaves_the_network_as_it_was(student: Student, challenge: Challenge) -> None:
    """Parameters, gradients, statistics and the training mode are the same afterwards.

    We validated a network that was in training mode and one that was not, both with gradients in
    place. Does yours put back the mode that it found?
    """
    for training_mode in (True, False):
        data = validation.validation_challenge(challenge, training_mode)
        seen = validated(student, data)
        modes = sequence(seen["trains_after"], "The modes")
        expect(
            bool(modes) and all(isinstance(mode, bool) and mode == training_mode for mode in modes),
            "A network that came in training mode was not left in it."
            if training_mode
            else "A network that came in evaluation mode was not left in it.",
        )
        state = data["state"]
        parameters = training.parameters_of(state)
        expect(
            relative_difference(vector(seen["state"], parameters), vector(state, parameters)) == 0,
            "The parameters changed: validation should only look, and never train.",
        )
        expect(
            relative_difference(vector(seen["state"], state), vector(state, state)) == 0,
            "The running statistics of batch normalisation changed, as they do in training mode.",
        )
        expect(
            seen["requires_grad"] == [True] * len(parameters),
            "Afterwards some parameters no longer require gradients.",
        )
        for number, gradient in enumerate(
            sequence(seen["gradients"], "The gradients", len(parameters))
        ):
            same = isinstance(gradient, torch.Tensor) and bool((gradient == number + 0.5).all())
            expect(same, "The gradients that the parameters had were changed.")


# fit


def fitter(device: Device) -> Probe:
    return on_device.fitted_there if device.has_gpu else fitting.fitted


def fit_of(student: Student, data: dict[str, Any], device: Device) -> dict[str, Any]:
    reply = fields(student.run(fitter(device), **data), "history", "state")
    expect(
        isinstance(reply["history"], dict),
        f"fit should return a dict; yours returns {describe(reply['history'])}.",
    )
    return reply


def histories(reply: dict[str, Any], epochs: int) -> dict[str, list[float]]:
    """The two lists of a history, checked."""
    history = reply["history"]
    curves = {}
    for key in ("train_loss", "test_accuracy"):
        expect(key in history, f"The history should have the key {key!r}.")
        values = sequence(history[key], f"history[{key!r}]")
        expect(
            len(values) == epochs,
            f"history[{key!r}] should have one entry an epoch; "
            f"yours has {len(values)} after {epochs}.",
        )
        curves[key] = [real(value, f"an entry of history[{key!r}]") for value in values]
    return curves


@graded("fit_tests", weight=1)
def test_the_history_has_one_loss_and_one_accuracy_an_epoch(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The history holds the training loss and the test accuracy, one float an epoch.

    We asked for one epoch and for three. The keys are "train_loss" and "test_accuracy".
    """
    for epochs in (1, 3):
        data = fitting.fit_challenge(challenge, epochs)
        reply = fit_of(student, data, device)
        history = histories(reply, epochs)
        moved = updates(reply["state"], training.parameters_of(data["state"]))
        expect(bool(np.any(moved)), "The network was not trained: no parameter moved.")
        expect(
            all(0 <= value <= 1 for value in history["test_accuracy"]),
            "The test accuracies should lie between 0 and 1.",
        )


@graded("fit_tests", weight=2)
def test_fit_trains_and_validates_with_one_optimizer(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """Each epoch trains and then validates, with one optimizer for all epochs.

    We ran three epochs from the same parameters and compared every parameter and the history; and we
    looked whether the network was moved to the device. `fit` stands on your train_epoch and validate:
    if one of these was not right, look there first.
    """
    data = fitting.fit_challenge(challenge, 3)
    for name in device.names:
        expect_fit(student, {**data, "device_name": name}, device)
    on_device.expect_moved(student, on_device.fit_placement, data, device, "parameters")


def expect_fit(student: Student, data: dict[str, Any], device: Device) -> None:
    """Fail, with the mistake's name where it is known, unless parameters and history are right."""
    reply = fit_of(student, data, device)
    seen = updates(reply["state"], training.parameters_of(data["state"]))
    fit_by = fitting.fit_by if data["device_name"] == "cpu" else on_device.fit_by
    right = fit_by(reference.fit, data)
    moved = updates(right["state"], training.parameters_of(data["state"]))
    if relative_difference(seen, moved) > TOLERANCE:
        mistakes = {
            name: lambda fit=fit: updates(
                fit_by(fit, data)["state"], training.parameters_of(data["state"])
            )
            for name, fit in fitting.WRONG_FITS.items()
        }
        hint = likely_mistake(seen, mistakes, TOLERANCE, "Your parameters moved exactly as if")
        expect(False, f"The parameters did not move as three epochs of training move them. {hint}")
    history = histories(reply, 3)
    expect_close(
        history["train_loss"],
        right["history"]["train_loss"],
        rtol=fitting.LOSS_TOLERANCE,
        what="the training losses",
    )
    off = np.abs(np.subtract(history["test_accuracy"], right["history"]["test_accuracy"]))
    expect(
        bool(off.max() * len(data["test_labels"]) < fitting.MAY_DIFFER + 0.5),
        "The test accuracies are not those after each epoch. Is `validate` called with the test "
        "loader, after training?",
    )


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
        thresholds = short_run.THRESHOLDS
        result = short_result(student, challenge, device)
    else:
        note(f"Decided by a run of the real VGG16, on {device.title}.", "", size="full")
        # What cannot run on the CPU at all fails there, and so here.
        fit_of(student, fitting.fit_challenge(challenge, 1), device)
        run = full_run.drawn_run(challenge.seed, full_run.source_of(images), device.name)
        result = run.judge(student.run(full_run.full_run, **run.data))
    expect(
        result.loss_ratio <= thresholds.loss_ratio,
        "The training loss did not fall enough: "
        f"yours went from {result.first_loss:.2f} to {result.last_loss:.2f}.",
    )
    expect(
        result.accuracy >= thresholds.accuracy,
        f"After training the network answers only {result.accuracy:.0%} of new images rightly.",
    )
    expect_no_luck(student, challenge, device)


def expect_no_luck(student: Student, challenge: Challenge, device: Device) -> None:
    """Fail a fit that is known to learn in some short runs and not in others: no draw is to decide."""
    data = fitting.fit_challenge(challenge, 1)
    reply = fields(student.run(fitter(device), **data), "state")
    seen = updates(reply["state"], training.parameters_of(data["state"]))
    for fit in fitting.LUCKY_FITS.values():
        moved = updates(fitting.fit_by(fit, data)["state"], training.parameters_of(data["state"]))
        expect(
            relative_difference(seen, moved) > TOLERANCE,
            "It learnt in this run, but would not in many others: what goes into the criterion is not "
            "the log-softmax over the classes.",
        )


def short_result(student: Student, challenge: Challenge, device: Device) -> runs.Result:
    """How the short size's network does after training."""
    run = short_run.drawn_run(challenge.seed)
    ask = on_device.short_run_there if device.has_gpu else short_run.short_run
    return run.judge(student.run(ask, **run.data))


# plot_history


def history_axes(
    student: Student, challenge: Challenge
) -> tuple[list[Any], dict[str, list[float]]]:
    epochs = int(challenge.rng.integers(4, 8))
    history = {
        "train_loss": [float(value) for value in challenge.rng.uniform(0.3, 2.3, epochs)],
        "test_accuracy": [float(value) for value in challenge.rng.uniform(0.1, 0.9, epochs)],
    }
    reply = fields(student.run(drawn_history, history=history), "figure", "axes")
    expect(
        isinstance(reply["figure"], str) and reply["figure"] == "a figure",
        f"plot_history should return the Figure; yours returns {describe(reply['figure'])}.",
    )
    return [
        fields(axis, "ylabel", "points") for axis in sequence(reply["axes"], "The axes")
    ], history


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
    with_loss = {number for number, axis in enumerate(axes) if draws(axis, loss)}
    with_accuracy = {
        number
        for number, axis in enumerate(axes)
        if draws(axis, accuracy) or draws(axis, 100 * accuracy)
    }
    return with_loss, with_accuracy


def points_in(axis: dict[str, Any]) -> list[Floats]:
    """The points (n, 2) of everything drawn in the axes."""
    return [
        points
        for points in sequence(axis["points"], "The points")
        if isinstance(points, np.ndarray) and points.ndim == 2 and points.dtype.kind == "f"
    ]


def draws(axis: dict[str, Any], values: Floats) -> bool:
    """Whether something in the axes runs through the values at 1, 2, …."""
    wanted = np.stack([np.arange(1, len(values) + 1), values], axis=1)
    for points in points_in(axis):
        if points.shape == wanted.shape:
            ordered = points[np.argsort(points[:, 0])]
            if np.allclose(ordered, wanted, rtol=1e-4, atol=1e-6):
                return True
    return False


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
