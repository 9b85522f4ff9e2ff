"""The checks are not made for images and NLLLoss: other losses, networks, names and arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from autograder.grading import Challenge, Device, Explained, Mismatch, Student, StudentRaised
from autograder.grading.training import EpochChecks, OptimizerChecks, Task, ValidationChecks
from autograder.grading.training.means import batch_losses
from tests.graders.fake_box import FakeBox

LOOP = """
import copy
import torch
from torch import nn

def train(loader, model, optimizer, criterion):
    model.train()
    total = count = 0
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        count += len(labels)
    return total / count
"""


def line(outputs: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, outputs))


def call(train: Any, net: Any, loader: Any, criterion: Any, optimizer: Any, device: Any) -> Any:
    return train(loader, net, optimizer, criterion)


def numbers(rng: np.random.Generator, count: int, **_options: Any) -> Any:
    inputs = torch.from_numpy(rng.normal(size=(count, 5))).float()
    return inputs, inputs[:, :1] - inputs[:, 1:2]


def coins(rng: np.random.Generator, count: int, **_options: Any) -> Any:
    inputs = torch.from_numpy(rng.normal(size=(count, 5))).float()
    return inputs, (inputs[:, :1] > 0).float()


def checks(loss: str, examples: Any) -> EpochChecks:
    task = Task(line, examples, options=lambda _rng: {"outputs": 1}, loss=loss)
    return EpochChecks(task, function="train", call=call)


REGRESSION, BINARY = checks("MSELoss", numbers), checks("BCEWithLogitsLoss", coins)


def steps(check: EpochChecks, notebook: str, number: int = 0) -> None:
    student = Student(FakeBox({"notebook": notebook}))
    challenge = Challenge(f"secret {number}".encode(), "s", "t")
    check.expect_steps(student, challenge, Device(), learning_rate=0.05)
    check.expect_mean_loss(student, challenge, Device())
    check.expect_given_criterion(student, challenge, Device(), learning_rate=0.05)


@pytest.mark.parametrize("check", [REGRESSION, BINARY], ids=["regression", "binary"])
def test_a_right_loop_passes_whatever_was_drawn(check: EpochChecks) -> None:
    for number in range(10):
        steps(check, LOOP, number)


def loader_of(outputs: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, outputs))


def network_of(outputs: int) -> Any:
    return loader_of(outputs)


def test_a_courses_functions_may_have_names_that_anybody_would_give() -> None:
    """What a probe brings along of its own has others: two of one name cannot be shipped."""
    task = replace(REGRESSION.task, build=network_of, uses=(loader_of,))
    steps(replace(REGRESSION, task=task), LOOP)


def of_words(outputs: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, outputs))


def words(rng: np.random.Generator, count: int, **_options: Any) -> Any:
    inputs = torch.from_numpy(rng.integers(0, 9, (count, 2)))
    return inputs, torch.from_numpy(rng.normal(size=(count, 1))).float()


def classes(rng: np.random.Generator, count: int, outputs: int) -> Any:
    inputs, _ = words(rng, count)
    return inputs, torch.from_numpy(rng.integers(0, outputs, count))


def coins_of_words(rng: np.random.Generator, count: int, **_options: Any) -> Any:
    inputs, labels = words(rng, count)
    return inputs, (labels > 0).float()


@pytest.mark.parametrize(
    ("loss", "examples", "outputs"),
    [
        ("MSELoss", words, 1),
        ("BCEWithLogitsLoss", coins_of_words, 1),
        ("CrossEntropyLoss", classes, 4),
    ],
)
def test_the_last_batch_stands_out_by_its_labels_alone(
    loss: str, examples: Any, outputs: int
) -> None:
    """Words cannot be made larger; and a mean of batch means must never be the mean."""
    check = EpochChecks(Task(of_words, examples, lambda _rng: {"outputs": outputs}, loss))
    for number in range(20):
        challenge = Challenge(f"secret {number}".encode(), "s", "t")
        means, sizes = batch_losses(check.draw(challenge, learning_rate=0.0))
        right = np.average(means, weights=sizes)
        assert abs(np.mean(means) - right) > 4e-3 * right
        assert means[-1] > right


@pytest.mark.parametrize(
    ("check", "right", "wrong", "named"),
    [
        (REGRESSION, "model(inputs), labels", "model(inputs), labels[:, 0]", "held against every"),
        (REGRESSION, "model(inputs), labels", "model(inputs).relu(), labels", "a ReLU stood behind"),
        (BINARY, "model(inputs), labels", "model(inputs).sigmoid(), labels", "a sigmoid stood"),
        (BINARY, "        optimizer.zero_grad()\n", "", "never set to zero"),
        (REGRESSION, "        optimizer.step()\n", "        optimizer.step\n", "step() of the optimizer"),
        (REGRESSION, "loss.backward()", "loss.backward", "No gradient reached"),
        (REGRESSION, "model.train()", "model = copy.deepcopy(model)", "was never called. Is a global"),
        (BINARY, "model.train()", "model[0].reset_parameters()", "initialised anew"),
        (BINARY, "criterion(model", "nn.BCEWithLogitsLoss()(model", "criterion moves them"),
        (BINARY, "in loader:", "in [next(iter(loader))] * 5:", "used again and again"),
        (BINARY, "        optimizer.step()\n", "        optimizer.zero_grad(); optimizer.step()\n", "found no gradient"),
        (REGRESSION, "total / count", "total / len(loader)", "divided by the number of batches"),
        (REGRESSION, "model(inputs), labels", "model(inputs), labels.flip(0)", "in reverse order"),
        (BINARY, "model(inputs), labels", "model(inputs), labels[torch.randperm(len(labels))]", "shuffled separately"),
        (REGRESSION, "model(inputs), labels", "model(inputs), labels + 0.1", "not those of the batch's examples."),
        (BINARY, "model(inputs), labels", "model(2 * inputs - 1), labels", "scaled or shifted"),
        (REGRESSION, "model(inputs), labels", "model(inputs.flip(1)), labels", "the same values, in other places"),
        (BINARY, "model(inputs), labels", "model(inputs.square()), labels", "their values were changed"),
        (REGRESSION, "model(inputs), labels", "model(inputs).tanh(), labels", "not the network's outputs as they came"),
        (BINARY, "loss.backward()", "(loss + sum(p.abs().sum() for p in model.parameters())).backward()", "(L1)"),
        (REGRESSION, "loss.backward()", "(2.5 * loss).backward()", "another length"),
        (BINARY, "loss.backward()", "loss.backward(); [p.grad.sign_() for p in model.parameters()]", "done to the gradients"),
        (REGRESSION, "optimizer.zero_grad()", "model[0].zero_grad()", "zero_grad() reach all parameters"),
        (BINARY, "model.train()", "model[0].requires_grad_(False)", "Are they frozen"),
        (REGRESSION, "optimizer.step()", "optimizer.step(); optimizer.param_groups[0]['lr'] *= 0.5", "a scheduler"),
    ],
)  # fmt: skip
def test_a_mistake_is_said(check: EpochChecks, right: str, wrong: str, named: str) -> None:
    assert right in LOOP
    with pytest.raises(Mismatch) as told:
        steps(check, LOOP.replace(right, wrong))
    assert named in str(told.value)


def test_a_mistake_is_said_once() -> None:
    """A later check that the same mistake explains says so, and has no lead of its own."""
    student = Student(FakeBox({"notebook": LOOP.replace(", labels)", ", labels.flip(0))")}))
    challenges = [Challenge(b"secret", "s", name) for name in ("first", "second")]

    def steps_of(challenge: Challenge) -> None:
        REGRESSION.expect_steps(student, challenge, Device(), learning_rate=0.05)

    with pytest.raises(Mismatch, match="in reverse order"):
        steps_of(challenges[0])
    later: list[Callable[[], None]] = [
        lambda: steps_of(challenges[1]),
        lambda: REGRESSION.expect_mean_loss(student, challenges[1], Device()),
        lambda: REGRESSION.expect_given_criterion(
            student, challenges[1], Device(), learning_rate=0.05
        ),
    ]
    for check in later:
        with pytest.raises(Explained, match="named above explains this"):
            check()


def test_a_second_mistake_is_not_explained_by_the_first() -> None:
    wrong = LOOP.replace(", labels)", ", labels.flip(0))").replace("/ count", "/ len(loader)")
    student = Student(FakeBox({"notebook": wrong}))
    challenge = Challenge(b"secret", "s", "t")
    with pytest.raises(Mismatch, match="in reverse order"):
        REGRESSION.expect_steps(student, challenge, Device(), learning_rate=0.05)
    with pytest.raises(Mismatch) as told:
        REGRESSION.expect_mean_loss(student, challenge, Device())
    assert not isinstance(told.value, Explained)


def test_a_loader_of_the_notebooks_own_is_seen() -> None:
    """The network and the criterion are used, but what they are trained on is another's."""
    other = "mine = [(torch.ones(4, 5), torch.ones(4, 1))] * 3\n"
    with pytest.raises(Mismatch, match="No batch was taken from the loader"):
        steps(REGRESSION, LOOP.replace("in loader:", "in mine:") + other)


DOUBLE = "    model.double()\n    loader = [(x.double(), y.double()) for x, y in loader]\n"


def test_what_was_missing_is_said_in_double_precision_as_well() -> None:
    wrong = LOOP.replace("    model.train()\n", f"    model.train()\n{DOUBLE}").replace(
        "step()", "step"
    )
    with pytest.raises(Mismatch, match=r"step\(\) of the optimizer that you were given"):
        steps(REGRESSION, wrong)


@pytest.mark.parametrize(
    ("odd", "last"),
    [
        (
            "    if hasattr(model, 'met'): raise ValueError\n    nn.Module.met = True\n",
            "as one epoch of training moves them.",
        ),
        (DOUBLE, "(L2) added to the loss? None is asked for."),
    ],
    ids=["raises_when_watched", "in_double_precision"],
)
def test_to_be_watched_changes_no_verdict(odd: str, last: str) -> None:
    """What is wrong and has no name fails, and is accused of nothing, whatever the second run does."""
    wrong = LOOP.replace("    model.train()\n", f"    model.train()\n{odd}").replace(
        "loss.backward()", "(loss + 0.3 * sum((p**2).sum() for p in model.parameters())).backward()"
    )
    try:
        with pytest.raises(Mismatch) as told:
            steps(REGRESSION, wrong)
    finally:
        if hasattr(nn.Module, "met"):
            del nn.Module.met
    assert str(told.value).strip().endswith(last)


def test_what_torch_refuses_comes_with_a_question() -> None:
    wrong = LOOP.replace("optimizer.zero_grad()\n", "model.requires_grad_(False)\n")
    with pytest.raises(StudentRaised) as raised:
        steps(REGRESSION, wrong)
    assert "cut off from the network" in str(raised.value.__dict__) + str(raised.value)


MAKE = """
import torch
from torch import nn

def make(net, learning_rate=0.01):
    return nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=learning_rate, momentum=0.9)
"""
SGD = OptimizerChecks("SGD", {"momentum": 0.9}, "CrossEntropyLoss", 0.01, function="make")


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("", "", None),
        (", momentum=0.9", "", "SGD had no momentum"),
        ("momentum=0.9", "momentum=0.9, nesterov=True", "Nesterov's"),
        ("momentum=0.9", "momentum=0.99", "momentum were 0.99"),
        ("SGD", "RMSprop", "did not move as SGD"),
        ("lr=learning_rate", "lr=learning_rate / 10", "a tenth of it"),
        ("lr=learning_rate", "lr=learning_rate, maximize=True", "maximize"),
        ("momentum=0.9", "momentum=0.9, weight_decay=5e-4", "weight decay 5e-4"),
        ("CrossEntropyLoss()", "CrossEntropyLoss(label_smoothing=0.1)", "smoothed by 0.1"),
        ("CrossEntropyLoss()", "NLLLoss()", "NLLLoss"),
    ],
)
def test_another_optimizer_and_loss_are_known(right: str, wrong: str, named: str | None) -> None:
    student = Student(FakeBox({"notebook": MAKE.replace(right, wrong)}))

    def ask() -> None:
        challenge = Challenge(b"s", "s", "t")
        SGD.expect_loss(student, challenge)
        SGD.expect_optimizer(student, challenge, 0.05)
        SGD.expect_optimizer(student, challenge, None)

    if named is None:
        ask()
    else:
        with pytest.raises(Mismatch) as told:
            ask()
        assert named in str(told.value)


def test_an_optimizer_whose_mistake_has_no_name_explains_nothing_of_other_checks() -> None:
    """Behind a mistake that was named, a mean loss has to be right to the last places."""
    student = Student(FakeBox({"notebook": MAKE.replace("SGD", "RMSprop")}))
    with pytest.raises(Mismatch):
        SGD.expect_optimizer(student, Challenge(b"s", "s", "t"), 0.05)
    assert student.mistakes_told == []


@pytest.mark.parametrize("decay", ["1e-4", "5e-4"])
def test_a_small_decay_shows_at_rest_whatever_was_drawn(decay: str) -> None:
    """Beside the steps of SGD one of 1e-4 is less than the tolerance."""
    decays = MAKE.replace("momentum=0.9", f"momentum=0.9, weight_decay={decay}")
    for number in range(5):
        challenge = Challenge(f"secret {number}".encode(), "s", "t")
        SGD.expect_optimizer(Student(FakeBox({"notebook": MAKE})), challenge, 0.5, at_rest=True)
        with pytest.raises(Mismatch, match=f"the weight decay {decay}"):
            SGD.expect_optimizer(
                Student(FakeBox({"notebook": decays})), challenge, 0.5, at_rest=True
            )


def test_an_epoch_takes_the_optimizers_settings() -> None:
    """SGD with momentum is not SGD, and a loop that ignores what it is given is told apart."""
    student = Student(FakeBox({"notebook": LOOP}))
    own = "        torch.optim.SGD(model.parameters(), lr=0.05).step()\n"
    ignores = Student(FakeBox({"notebook": LOOP.replace("        optimizer.step()\n", own)}))
    challenge = Challenge(b"secret", "s", "t")
    asked: dict[str, Any] = {"learning_rate": 0.05, "settings": {"momentum": 0.9}}
    REGRESSION.expect_steps(student, challenge, Device(), **asked)
    REGRESSION.expect_steps(ignores, challenge, Device(), learning_rate=0.05)
    with pytest.raises(Mismatch):
        REGRESSION.expect_steps(ignores, challenge, Device(), **asked)


LOOK = """
import torch

def look(loader, model):
    was = model.training
    model.eval()
    with torch.no_grad():
        hits = [model(inputs).argmax(1) == labels for inputs, labels in loader]
    model.train(was)
    return torch.cat(hits).double().mean().item()
"""


def normed(outputs: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, outputs))


def of_classes(rng: np.random.Generator, count: int, outputs: int) -> Any:
    inputs = torch.from_numpy(rng.normal(size=(count, 5))).float()
    return inputs, torch.from_numpy(rng.integers(0, outputs, count))


def looks(function: Any, net: Any, loader: Any, device: Any) -> Any:
    return function(loader, net)


def test_who_is_not_told_a_device_need_not_move_to_it() -> None:
    task = Task(normed, of_classes, lambda _rng: {"outputs": 6})
    student, challenge = Student(FakeBox({"notebook": LOOK})), Challenge(b"secret", "s", "t")
    ValidationChecks(task, function="look", call=looks, moves=False).expect_no_gradients(
        student, challenge, Device()
    )
    with pytest.raises(Mismatch, match="device"):
        ValidationChecks(task, function="look", call=looks).expect_no_gradients(
            student, challenge, Device()
        )


def table_of_words(classes: int) -> Any:
    from torch import nn

    return nn.Embedding(9, classes)


def single_words(rng: np.random.Generator, count: int, *, classes: int) -> Any:
    words = torch.from_numpy(rng.integers(0, 9, count))  # (n,): an example is one number
    return words, words % classes


WORDS = """
import torch


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    torch.manual_seed(0)
    total = count = 0
    for words, labels in loader:
        optimizer.zero_grad()
        loss = criterion(net(words), labels)
        loss.backward()
        optimizer.step()
        total, count = total + loss.item() * len(words), count + len(words)
    return total / count
"""


def test_an_example_may_be_a_single_number() -> None:
    """What is wrong in no known way is followed from the batch to the step, whatever an example's shape is."""
    checks = EpochChecks(Task(table_of_words, single_words, lambda _rng: {"classes": 4}))
    challenge, device = Challenge(b"s", "1", ""), Device()
    checks.expect_steps(
        Student(FakeBox({"train_epoch": WORDS})), challenge, device, learning_rate=0.3
    )
    shuffled = WORDS.replace(
        "net(words), labels)", "net(words), labels[torch.randperm(len(labels))])"
    )
    student = Student(FakeBox({"train_epoch": shuffled}))
    with pytest.raises(Mismatch, match="shuffled separately"):
        checks.expect_steps(student, challenge, device, learning_rate=0.3)
