"""Checks of a fit that are made of a task alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from autograder.grading import Challenge, Device, Explained, Mismatch, Student, StudentRaised
from autograder.grading.training import Task, fit_checks, fit_task
from tests.graders.fake_box import FakeBox

FIT = """
import torch
from torch.nn.functional import cross_entropy

def fit(net, train, test, epochs, rate, device):
    net.to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    history = {"loss": [], "accuracy": []}
    for _ in range(epochs):
        net.train()
        total = count = hits = 0
        for x, y in train:
            optimizer.zero_grad()
            loss = cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            total, count = total + loss.item() * len(y), count + len(y)
        history["loss"].append(total / count)
        net.eval()
        count = 0
        with torch.no_grad():
            for x, y in test:
                hits, count = hits + (net(x).argmax(1) == y).sum().item(), count + len(y)
        history["accuracy"].append(hits / count)
    return history
"""


def with_norm(classes: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, classes))


def largest(rng: np.random.Generator, count: int, *, classes: int) -> Any:
    """Points (count, 4), and which of their first coordinates is the largest."""
    points = torch.from_numpy(rng.normal(size=(count, 4))).float()
    return points, points[:, :classes].argmax(1)


TASK = Task(with_norm, largest, options=lambda _rng: {"classes": 3}, noun="point")
CHECKS = fit_checks(TASK, keys=("loss", "accuracy"))


def check(notebook: str, secret: str = "secret", checks: Any = CHECKS) -> None:
    student, challenge = Student(FakeBox({"fit": notebook})), Challenge(secret.encode(), "s", "t")
    checks.expect_history(student, challenge, Device())
    checks.expect_epochs(student, challenge, Device())


@pytest.mark.parametrize("secret", ["one", "two"])
def test_a_right_fit_passes(secret: str) -> None:
    check(FIT, secret)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("net.eval()", "pass", "test accuracies are not those after each epoch"),
        ("in train:", "in test:", "as if the test points were trained on"),
        ("range(epochs)", "range(epochs - 1)", "should have one entry an epoch"),
        ("optim.Adam", "optim.AdamW", "as if AdamW were used, and not Adam"),
        ("lr=rate", "lr=1e-3", "as if the learning rate were 1e-3"),
        ("total / count)", "loss.item())", "training losses"),
    ],
)
def test_a_wrong_fit_is_told_what_is_wrong(right: str, wrong: str, words: str) -> None:
    assert right in FIT
    with pytest.raises(Mismatch, match=words):
        check(FIT.replace(right, wrong))


def test_what_torch_refuses_comes_with_the_question_that_fits() -> None:
    """Some questions belong to a pattern of torch's words, not to the words themselves."""
    counted = FIT.replace("cross_entropy(net(x), y)", "cross_entropy(net(x), y + 1)")
    for _ in range(2):
        with pytest.raises(StudentRaised, match="Are the classes counted from 0"):
            check(counted)


STANDS_ON = """
import torch
from torch import nn
def train_epoch(net, loader, criterion, optimizer):
    net.train()
    total = count = 0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        total, count = total + loss.item() * len(y), count + len(y)
    return total / count

def evaluate(net, loader):
    net.eval()
    hits = count = 0
    with torch.no_grad():
        for x, y in loader:
            hits, count = hits + (net(x).argmax(1) == y).sum().item(), count + len(y)
    return hits / count

def fit(net, train, test, epochs, rate, device):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    history = {"loss": [], "accuracy": []}
    for _ in range(epochs):
        history["loss"].append(train_epoch(net, train, criterion, optimizer))
        history["accuracy"].append(evaluate(net, test))
    return history
"""


def test_a_fit_that_makes_its_own_optimizer_is_called_right_only_where_that_is() -> None:
    module: dict[str, Any] = {}
    exec(STANDS_ON, module)
    stands_on = ("train_epoch", "evaluate")
    checks = fit_checks(
        TASK,
        reference=module["fit"],
        keys=("loss", "accuracy"),
        moves=False,
        stands_on=stands_on,
    )
    check(STANDS_ON, checks=checks)
    with pytest.raises(Explained, match="`fit` itself does what it should"):
        check(STANDS_ON.replace("optimizer.zero_grad()", "pass"), checks=checks)
    for right, wrong, words in (
        ("optim.Adam", "optim.SGD", "as if SGD were used, and not Adam"),
        ("lr=rate", "lr=1e-3", "as if the learning rate were 1e-3"),
        ("CrossEntropyLoss()", "CrossEntropyLoss(label_smoothing=0.2)", "did not move"),
        ("net.parameters(), lr", "list(net.parameters())[-2:], lr", "as if only the last layer"),
    ):
        with pytest.raises(Mismatch, match=words) as told:
            check(STANDS_ON.replace(right, wrong), checks=checks)
        assert "itself does what it should" not in str(told.value)


def test_mistakes_of_ones_own_are_named() -> None:
    def flipped(*given: Any) -> Any:
        net, train, *others = given
        return CHECKS.reference(net, [(-x, y) for x, y in train], *others)

    mine = fit_checks(TASK, keys=("loss", "accuracy"), wrong={"the points were mirrored": flipped})
    with pytest.raises(Mismatch, match="as if the points were mirrored"):
        check(
            FIT.replace("for x, y in train:", "for x, y in train:\n            x = -x"), checks=mine
        )


def test_examples_that_tell_nothing_apart_are_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fit_task, "DRAWS", 2)
    nothing = fit_checks(TASK, rates=(0.0, 0.0))
    with pytest.raises(ValueError, match="is the learning rate too small"):
        nothing.drawn(Challenge(b"secret", "s", "t"), 3)
