"""Hidden tests of notebook 3: the loss and the optimizer, the loop, the evaluation, the fit.

Another task than the lecture's, by the same library: cross-entropy on raw scores, gradient descent with
momentum, other arguments in another order; see `tasks`.
"""

from __future__ import annotations

import numpy as np

from autograder.graders.residual.short_run import SHORT, WRONG
from autograder.graders.residual.tasks import COUNTED, EPOCH, EVALUATION, FIT, MOMENTUM, OPTIMIZER
from autograder.grading import (
    Challenge,
    Device,
    Student,
    expect,
    graded,
    likely_mistake,
    real,
)
from autograder.grading.training import IN_TRAINING, mistaken_accuracies, right_answers

# make_loss_and_optimizer


@graded("make_loss_and_optimizer_tests", weight=2)
def test_the_loss_is_the_cross_entropy_of_raw_scores(
    student: Student, challenge: Challenge
) -> None:
    """The loss is the mean cross-entropy, and takes raw scores.

    We gave it random scores and labels. Does it expect logarithms, add up, or smooth the labels?
    """
    OPTIMIZER.expect_loss(student, challenge)


@graded("make_loss_and_optimizer_tests", weight=2)
def test_momentum_moves_all_parameters_with_the_given_learning_rate(
    student: Student, challenge: Challenge
) -> None:
    """The optimizer is SGD with a momentum of 0.9 over all parameters, and the given learning rate.

    We set gradients, made some steps and compared every parameter of the network. Without any gradient
    nothing should move.
    """
    for learning_rate in (0.2, float(challenge.rng.uniform(0.3, 0.6))):
        OPTIMIZER.expect_optimizer(student, challenge, learning_rate)
    OPTIMIZER.expect_optimizer(student, challenge, 0.5, at_rest=True)


@graded("make_loss_and_optimizer_tests", weight=1)
def test_the_default_learning_rate_is_a_tenth(student: Student, challenge: Challenge) -> None:
    """Unless told otherwise the learning rate is 0.1.

    We called the function with the network alone, and made three steps.
    """
    OPTIMIZER.expect_optimizer(student, challenge, None)


# train_epoch


@graded("train_epoch_tests", weight=5)
def test_each_batch_makes_one_step_with_its_own_gradient(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """Each batch makes one step, with the gradient of its own loss.

    We trained a small residual network for one epoch with plain gradient descent and compared how far every
    parameter moved. The raw scores go into the loss as they are.
    """
    EPOCH.expect_steps(student, challenge, device, learning_rate=0.3)


@graded("train_epoch_tests", weight=2)
def test_the_epoch_runs_in_training_mode(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The network is in training mode, and sees each batch once.

    We gave a network with batch normalisation in evaluation mode, and looked at its running statistics
    afterwards: a second pass over a batch, for its accuracy, would count twice.
    """
    EPOCH.expect_training_mode(student, challenge, device)


@graded("train_epoch_tests", weight=2)
def test_the_first_result_is_the_mean_loss_per_image(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The first of two results is the mean loss per image, as a float.

    We kept the parameters still (learning rate 0). The last batch was smaller: its images count as
    much as all others.
    """
    EPOCH.expect_mean_loss(student, challenge, device)


@graded("train_epoch_tests", weight=2)
def test_the_second_result_is_the_share_of_right_answers(
    student: Student, challenge: Challenge
) -> None:
    """The second result is the share of images that were answered rightly, as a float from 0 to 1.

    We kept the parameters still. The last batch was smaller, and its images count as much as all others.
    """
    for _ in range(20):
        drawn = COUNTED.draw(challenge, learning_rate=0.0)
        right, sizes = (np.array(part) for part in right_answers(drawn, False))
        if right[0] and right.sum() > 4 and right[0] / sizes[0] != right.sum() / sizes.sum():
            break
    seen = real(COUNTED.result_of(student, drawn)["loss"], "The share of right answers")
    mistakes = mistaken_accuracies(right, sizes, right)
    del mistakes[IN_TRAINING]  # nothing here answers differently in another mode
    if abs(seen - right.sum() / sizes.sum()) >= 1e-4:
        made = {name: lambda value=value: [value] for name, value in mistakes.items()}
        hint = likely_mistake([seen], made, 1e-4, "It is as if")
        expect(False, f"The share of right answers is not right. {hint}")


@graded("train_epoch_tests", weight=1)
def test_momentum_and_batch_normalisation_move_everything_alike(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """One epoch with momentum moves a network with batch normalisation as the reference does.

    Loss and optimizer are those that are passed in: we passed a loss that weighs errors differently, too.
    """
    EPOCH.expect_steps(student, challenge, device, norm=True, learning_rate=0.05, settings=MOMENTUM)
    EPOCH.expect_given_criterion(student, challenge, device, learning_rate=0.3)


# evaluate


@graded("evaluate_tests", weight=3)
def test_the_accuracy_is_that_of_all_images_in_evaluation_mode(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The result is the fraction of right answers over all images, in evaluation mode.

    The last batch was smaller, and the network answers differently in training mode. The result is a
    float from 0 to 1.
    """
    EVALUATION.expect_accuracy(student, challenge, device)


@graded("evaluate_tests", weight=1)
def test_evaluation_runs_without_gradients(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The forward passes run in evaluation mode and build no graph for gradients.

    The graph costs memory for nothing. Which context switches it off?
    """
    EVALUATION.expect_no_gradients(student, challenge, device)


@graded("evaluate_tests", weight=2)
def test_evaluation_leaves_the_network_as_it_was(student: Student, challenge: Challenge) -> None:
    """Parameters, gradients, statistics and the training mode are the same afterwards.

    We evaluated a network that was in training mode and one that was not, both with gradients in place.
    """
    EVALUATION.expect_nothing_changed(student, challenge)


# fit


@graded("fit_tests", weight=2)
def test_the_history_has_one_loss_and_one_accuracy_an_epoch(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The history holds the training loss and the test accuracy, one float an epoch.

    We asked for one epoch and for three. The keys are "loss" and "accuracy".
    """
    FIT.expect_history(student, challenge, device)


@graded("fit_tests", weight=3)
def test_fit_trains_and_evaluates_with_one_optimizer(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """Each epoch trains and then evaluates, with one optimizer for all epochs.

    We ran three epochs from the same parameters and compared every parameter and the history. `fit`
    stands on your train_epoch and evaluate: if one of these was not right, look there first.
    """
    FIT.expect_epochs(student, challenge, device)


@graded("fit_tests", weight=2)
def test_a_short_run_learns(student: Student, challenge: Challenge, device: Device) -> None:
    """A short training run lowers the loss and answers new images well.

    We trained a small residual network for four epochs with your fit, took its parameters, and computed
    the training loss and the accuracy on images that it never saw ourselves.
    """
    with FIT.explaining(student, FIT.drawn(challenge, 1)):
        SHORT.expect_learns(student, challenge, device)
    lucky = [WRONG[name] for name in sorted(SHORT.lucky & set(WRONG))]
    why = "some step of the training is not as it was asked for."
    FIT.expect_no_luck(student, challenge, device, lucky, why)
