"""Networks in parts: a frozen one, a rate for each, helpers of their own, and loops that bring their loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from autograder.grading import Challenge, Device, Mismatch, Student, StudentRaised
from autograder.grading.training import EpochChecks, FitChecks, Habits, RateChecks, Task, loop
from autograder.grading.training.task import Drawn, as_they_are, epoch_examples
from tests.graders.fake_box import FakeBox

RATES = {"head": 0.02, "body": 3e-4}
MAKE = """
import torch
def make(net, rates):
    groups = [(net.head, rates["head"]), (net.body, rates["body"])]
    parts = [
        {"params": [p for p in part.parameters() if p.requires_grad], "lr": rate}
        for part, rate in groups
    ]
    return torch.optim.Adam([part for part in parts if part["params"]])
"""
LOOP = """
import torch
def train(net, loader, optimizer):
    net.train()
    if not any(p.requires_grad for p in net.body.parameters()):
        net.body.eval()
    total = count = 0
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(inputs), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        count += len(labels)
    return total / count
"""


def layer(inputs: int, outputs: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.Tanh())


def in_parts() -> Any:
    from collections import OrderedDict

    from torch import nn

    return nn.Sequential(OrderedDict(body=layer(5, 6), head=nn.Linear(6, 3)))


def with_frozen_body() -> Any:
    from collections import OrderedDict

    from torch import nn

    body = layer(5, 6).requires_grad_(False)
    return nn.Sequential(OrderedDict(body=body, head=nn.Linear(6, 3)))


def numbers(rng: np.random.Generator, count: int) -> Any:
    inputs = torch.from_numpy(rng.normal(size=(count, 5))).float()
    return inputs, torch.from_numpy(rng.integers(0, 3, count))


def make_call(make: Any, net: Any, rates: Any) -> Any:
    return make(net, rates)


def loop_call(
    train: Any, net: Any, loader: Any, _criterion: Any, optimizer: Any, _device: Any
) -> Any:
    return train(net, loader, optimizer)


def reference(net: Any, loader: Any, criterion: Any, optimizer: Any, device: Any) -> float:
    names: dict[str, Any] = {}
    exec(LOOP, names)
    return float(names["train"](net, loader, optimizer))


TASK, FROZEN = (
    Task(in_parts, numbers, uses=(layer,)),
    Task(with_frozen_body, numbers, uses=(layer,)),
)
CHECKS = RateChecks(TASK, make_call, function="make")
FREE = EpochChecks(
    TASK, norm_task=TASK, function="train", call=loop_call, reference=reference, own_loss=True
)
STILL = EpochChecks(
    FROZEN,
    norm_task=FROZEN,
    function="train",
    call=loop_call,
    reference=reference,
    wrong={"the body were in training mode": loop(Habits(as_they_are))},
    own_loss=True,
)


def student(*cells: str) -> Student:
    return Student(FakeBox({"notebook": "\n".join(cells)}))


def challenge(number: int = 0) -> Challenge:
    return Challenge(f"secret {number}".encode(), "s", "t")


def test_each_part_at_its_rate_passes_and_a_frozen_one_stays() -> None:
    for number in range(3):
        CHECKS.expect_rates(student(MAKE), challenge(number), RATES)
        CHECKS.expect_rates(student(MAKE), challenge(number), RATES, frozen=["body"])


ONE = "import torch\ndef make(net, rates):\n    return torch.optim.{}\n"


@pytest.mark.parametrize(
    ("frozen", "source", "named"),
    [
        (
            (),
            ONE.format("Adam(net.parameters(), lr=rates['head'])"),
            "all parts had the rate of the head",
        ),
        (
            (),
            ONE.format("Adam(net.head.parameters(), lr=rates['head'])"),
            "only the head were held",
        ),
        ((), ONE.format("Adam(net.parameters())"), "torch's own default"),
        ((), MAKE.replace('rates["head"]', "0.0003").replace('rates["body"]', "0.02"), "exchanged"),
        (("body",), MAKE.replace("Adam", "AdamW"), "AdamW were used"),
        (
            ("body",),
            MAKE.replace('rates["head"]', "3e-4"),
            "as if the head had the rate of the body",
        ),
        ((), MAKE.replace("Adam", "SGD"), "SGD were used, and not Adam"),
        (("body",), MAKE.replace("if p.requires_grad", ""), "frozen part were held"),
        (
            (),
            "def make(net, rates):\n    return rates",
            "An optimizer of torch.optim should be returned",
        ),
    ],
)
def test_what_is_wrong_with_an_optimizer_in_parts_is_named(
    frozen: tuple[str, ...], source: str, named: str
) -> None:
    for number in range(2):
        with pytest.raises(Mismatch, match=named):
            CHECKS.expect_rates(student(source), challenge(number), RATES, frozen)


def test_a_frozen_part_stands_still_and_a_free_one_does_not() -> None:
    for check in (FREE, STILL):
        check.expect_training_mode(student(LOOP), challenge(), Device())
        check.expect_steps(student(LOOP), challenge(), Device(), learning_rate=0.1)
        check.expect_mean_loss(student(LOOP), challenge(), Device())
    moving = LOOP.replace("net.body.eval()", "pass")
    with pytest.raises(Mismatch, match="frozen part moved"):
        STILL.expect_training_mode(student(moving), challenge(), Device())
    with pytest.raises(Mismatch, match="as if the body were in training mode"):
        STILL.expect_steps(student(moving), challenge(), Device(), learning_rate=0.1)


def test_a_loop_with_a_loss_of_its_own_is_not_told_that_it_called_no_criterion() -> None:
    stays = LOOP.replace("optimizer.step()", "pass")
    with pytest.raises(Mismatch, match="step\\(\\) of the optimizer"):
        FREE.expect_steps(student(stays), challenge(), Device(), learning_rate=0.1)


def test_a_fit_whose_network_is_frozen_whole_is_asked_about_its_head() -> None:
    def drawn(asked: Challenge, epochs: int) -> Drawn:
        data = epoch_examples(TASK, asked)
        tested = {f"test_{name}": data[name] for name in ("inputs", "labels")}
        return Drawn(
            TASK, {**data, **tested, "epochs": epochs, "learning_rate": RATES, "device_name": "cpu"}
        )

    fit = FitChecks(TASK, drawn, reference=reference, wrong={}, call=fit_call)
    whole = "def fit(net, rates):\n    net.requires_grad_(False)\n    make(net, rates)\n"
    with pytest.raises(StudentRaised, match="is the head frozen, too"):
        fit.expect_history(student(MAKE, whole), challenge(), Device())


def fit_call(
    fit: Any, net: Any, _train: Any, _test: Any, _epochs: Any, rates: Any, _device: Any
) -> Any:
    return fit(net, rates)
