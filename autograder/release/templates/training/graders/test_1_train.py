"""Hidden tests of notebook 1. They never leave this folder; students read titles and hints only."""

from __future__ import annotations

from spiral_task import EPOCH, RUN

from autograder.grading import Challenge, Device, Student, graded


@graded("train_epoch_tests", weight=4)
def test_each_batch_makes_one_step_with_its_own_gradient(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """Each batch makes one step, with the gradient of its own loss.

    We trained a small network for one epoch, and compared how far every parameter moved.
    """
    EPOCH.expect_steps(student, challenge, device, learning_rate=0.3)


@graded("train_epoch_tests", weight=2)
def test_the_result_is_the_mean_loss_per_point(
    student: Student, challenge: Challenge, device: Device
) -> None:
    """The result is the mean loss per point, as a float.

    The last batch was smaller. Do its points count as much as all others?
    """
    EPOCH.expect_mean_loss(student, challenge, device)


@graded("train_epoch_tests", weight=2)
def test_a_short_run_learns(student: Student, challenge: Challenge, device: Device) -> None:
    """Many epochs teach the network to tell new points apart.

    We trained on spirals of ours, with Adam, and asked for points that your code never saw.
    """
    RUN.expect_learns(student, challenge, device)
