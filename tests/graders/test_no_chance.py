"""No verdict by chance of the draw: what some draws hid once is held here for several secrets.

`tests/benchmarks/naming.py --secrets 30` asks the same of any case.
"""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import torch

from autograder.graders.vgg16 import reference, tasks
from autograder.graders.vgg16 import test_3_training as test_3
from autograder.graders.vgg16.tasks import FIT
from autograder.grading import Challenge, Device, Mismatch, Student
from autograder.grading.training import Result, ShortRun, tells_apart, validation
from autograder.grading.training.task import Drawn
from autograder.scorecard import named_mistakes
from tests.cases.judging import CASES, REFERENCE, Memory, judged
from tests.graders.fake_box import FakeBox

CPU = Device()
LUCKY = {
    name: CASES[f"train_epoch__{name}"]
    for name in ("softmax_for_log_softmax", "softmax_then_log", "log_softmax_over_the_batch")
}


def challenge(number: int, test: str = "") -> Challenge:
    return Challenge(f"secret {number}".encode(), "3_training", test)


def drawn_validation(number: int, test: str = "") -> Drawn:
    task = tasks.VALIDATION.task
    return validation.validation_challenge(task, challenge(number, test), training=True)


def after_a_lucky_run(cells: dict[str, str], number: int) -> None:
    """Ask whether a fit learns, after a short run in which it did."""
    student = Student(FakeBox({"reference": REFERENCE, **cells}))
    learnt = Result(2.3, 0.1, 0.1, torch.eye(10), torch.arange(10))
    with mock.patch.object(ShortRun, "result_of", return_value=learnt):
        test_3.test_a_short_run_learns(student, challenge(number), CPU, None, lambda *_: None)


@pytest.mark.parametrize("name", LUCKY)
def test_a_wrong_loop_that_learns_in_some_short_runs_learns_in_none(name: str) -> None:
    for number in range(2):
        with pytest.raises(Mismatch, match="would not in many others"):
            after_a_lucky_run(dict(LUCKY[name].cells), number)


def test_a_right_loop_that_learns_has_learnt() -> None:
    for number in range(2):
        after_a_lucky_run({}, number)


def test_two_mistakes_of_a_validation_at_once_are_called_by_no_third() -> None:
    """Training mode, and a count divided by the number of batches, was once what the last batch has."""
    for number in range(12):
        drawn = drawn_validation(number, "accuracy")
        right, sizes = (np.array(numbers) for numbers in validation.right_answers(drawn, False))
        in_training = np.array(validation.right_answers(drawn, True)[0])
        named = validation.mistaken_accuracies(right, sizes, in_training)
        both = validation.mistaken_accuracies(in_training, sizes, in_training)
        del both[validation.IN_TRAINING]
        apart = np.abs(np.subtract.outer([*both.values()], [*named.values()]))
        assert apart.min() > 1e-3, number


def test_what_a_validation_that_trains_gets_is_no_matter_of_chance() -> None:
    """The answers that turned on the way gave it now and then the accuracy of another mistake."""
    case = CASES["validate__trains_on_the_test_set"]
    for number in range(6):
        secret = f"secret {number}".encode()
        (item,) = judged(case, secret, only=["validate_tests"]).items.values()
        assert item.score == 0
        assert "the parameters changed on the way" in item.hint
        assert "It is as if" not in item.hint


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("train_epoch__smooths_the_labels", 6),  # nearly the mean loss
        ("train_epoch__skips_the_first_batch", 19),  # the same
        ("train_epoch__l2_in_the_loss", 5),  # nearly the mean of the batches' means
        ("validate__labels_shuffled", 23),  # nearly the accuracy in training mode
    ],
)
def test_what_came_near_by_the_draws_luck_earns_nothing_and_is_called_by_no_other_name(
    name: str, number: int
) -> None:
    own = f"{name.partition('__')[0]}_tests"
    item = judged(CASES[name], f"secret {number}".encode(), only=[own]).items[own]
    assert item.score == CASES[name].items[own].score
    assert set(named_mistakes(item.text)) <= {"the first batch were left out"}


def test_accuracies_of_other_moments_are_seen_whatever_was_drawn() -> None:
    names = ("validates_once", "validates_every_second_epoch", "best_so_far", "mean_so_far")
    students = [
        Student(FakeBox({"reference": REFERENCE, **CASES[f"fit__{name}"].cells})) for name in names
    ]
    for number in range(4):
        with Memory().of_references():
            for student in students:
                with pytest.raises(Mismatch, match="not those after each epoch"):
                    FIT.expect_epochs(student, challenge(number), CPU)


def test_a_validation_challenge_tells_other_answers_apart() -> None:
    """Thirty draws, none of which may end without."""
    for number in range(30):
        drawn = drawn_validation(number)
        hits, sizes = (np.array(part) for part in validation.right_answers(drawn, False))
        in_training, _ = validation.right_answers(drawn, True)
        answers, classes = validation.mistaken_answers(drawn)
        assert np.abs(np.array([*answers, *classes]) - hits.sum()).min() >= 2
        named = [*validation.mistaken_accuracies(hits, sizes, in_training).values()]
        unnamed = np.array(answers) / sizes.sum()
        assert np.abs(np.subtract.outer(unnamed, named)).min() > 1e-3


def test_a_validation_challenge_is_found_soon() -> None:
    """Fifty draws are tried. It takes three on average, so 50 would not do in one of 10 million."""
    for number in range(30):
        with mock.patch.object(validation, "_drawn", wraps=vars(validation)["_drawn"]) as draws:
            drawn_validation(number)
        assert draws.call_count <= 25


def test_fits_challenge_tells_apart_what_is_measured() -> None:
    """One epoch needs nine draws on average; 200 are tried."""
    for number in range(3):
        for epochs in (1, 3):
            drawn = tasks.fit_challenge(challenge(number), epochs)
            assert tells_apart(drawn, reference.train_epoch, reference.validate, torch.optim.Adam)
