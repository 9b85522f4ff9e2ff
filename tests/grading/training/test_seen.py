"""What is seen of a validation and of a fit: which examples count as right, and which steps are made."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from autograder.graders.vgg16 import reference
from autograder.graders.vgg16.tasks import FIT, VALIDATION
from autograder.grading import Challenge, Device, Explained, Mismatch, Student
from autograder.grading.training import Drawn, metric, validation
from tests.graders.fake_box import FakeBox

SOURCE = Path(reference.__file__).read_text()
CHALLENGE = Challenge(b"secret", "s", "t")


@cache
def drawn() -> Drawn:
    return validation.validation_challenge(VALIDATION.task, CHALLENGE, training=True)


def told(counted: list[Any], accuracy: float = 0.5) -> str:
    return metric.way_of_counting(counted, drawn(), accuracy)


def scores() -> torch.Tensor:
    with torch.no_grad():
        return drawn().network().eval()(drawn().data["inputs"])  # type: ignore[no-any-return]


def test_the_network_is_sure_of_about_half_of_its_answers() -> None:
    chances = scores().softmax(1).amax(1)
    assert 0.2 < float((chances > 0.5).float().mean()) < 0.8


def test_a_way_to_count_is_known_by_all_examples_together() -> None:
    labels = drawn().data["labels"]
    right = scores().argmax(1) == labels
    assert "how batches are put together" in told(right.tolist())
    assert "divided by //" in told(right.tolist(), 0.0)
    among = (scores().topk(2, dim=1).indices == labels[:, None]).any(1)
    assert "top-2" in told(among.tolist())
    sure = right & (scores().softmax(1).amax(1) > 0.6)
    assert "above a threshold" in told(sure.tolist())
    other = right.clone()
    other[0] = ~other[0]
    assert told(other.tolist()) == ""
    assert told([None, *right.tolist()[1:]]) == ""
    assert told(right.tolist()[1:]) == ""


FIT_CELL = """
def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    net.to(device)
    criterion, optimizer = make_criterion_and_optimizer(net, learning_rate)
    history = {"train_loss": [], "test_accuracy": []}
    for epoch in range(epochs):
        history["train_loss"].append(train_epoch(net, train_loader, criterion, optimizer, device))
        history["test_accuracy"].append(validate(net, test_loader, device))
    return history
"""


def epochs(fit: str, other: str = "") -> None:
    student = Student(FakeBox({"reference": SOURCE, "fit": fit, "other": other}))
    FIT.expect_epochs(student, CHALLENGE, Device())


NO_STEP = """
def train_epoch(net, loader, criterion, optimizer, device):
    return 1.0
"""


def test_a_fit_that_only_hands_on_is_told_that_it_is_right() -> None:
    epochs(FIT_CELL)
    with pytest.raises(Explained, match="`fit` itself does what it should"):
        epochs(FIT_CELL, NO_STEP)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("learning_rate)\n", "learning_rate)\n    optimizer.param_groups[0]['lr'] /= 2\n"),
        ("learning_rate)\n", "learning_rate)\n    net[0].requires_grad_(False)\n"),
        ("learning_rate)\n", "learning_rate)\n    net[0].reset_parameters()\n"),
        ("train_epoch(net, train_loader,", "train_epoch(net, test_loader,"),
        ("    return history", "    history['test_accuracy'][0] = 0.5\n    return history"),
    ],
)
def test_a_fit_that_does_something_itself_is_not(right: str, wrong: str) -> None:
    """Both are wrong: then nobody is told that the fit is right."""
    assert right in FIT_CELL
    with pytest.raises(Mismatch) as failed:
        epochs(FIT_CELL.replace(right, wrong), NO_STEP)
    assert "itself does what it should" not in str(failed.value)
