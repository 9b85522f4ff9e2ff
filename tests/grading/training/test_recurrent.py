"""Networks with a state: their outputs are scores and more, and the state may be carried over by mistake."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from autograder.grading import Challenge, Device, Mismatch, Student, StudentRaised
from autograder.grading.training import EpochChecks, Task, wrong_loops
from tests.graders.fake_box import FakeBox

LOOP = """
def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    total = count = 0
    state = None
    for words, labels in loader:
        optimizer.zero_grad()
        scores, _ = net(words.to(device), None)
        loss = criterion(scores, labels.to(device))
        loss.backward()
        optimizer.step()
        total, count = total + loss.item() * len(words), count + len(words)
    return total / count
"""
CARRIED = LOOP.replace("scores, _ = net(words.to(device), None)", "{}")
DETACHED = """
        if state is not None:
            state = tuple(part[:, :len(words)].detach() for part in state)
        scores, state = net(words.to(device), state)"""


def reader(classes: int) -> Any:
    from torch import nn

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(9, 6)
            self.lstm = nn.LSTM(6, 8, batch_first=True)
            self.head = nn.Linear(8, classes)

        def forward(
            self, words: Any, state: Any = None
        ) -> Any:  # (n, 5) to (n, classes), and a state
            outputs, state = self.lstm(self.words(words), state)
            return self.head(outputs[:, -1]), state

    return Reader()


def words_and_classes(rng: np.random.Generator, count: int, *, classes: int) -> Any:
    words = torch.from_numpy(rng.integers(0, 9, (count, 5)))
    return words, words[:, 0] % classes


def scores_of(outputs: Any) -> torch.Tensor:
    scores: torch.Tensor = outputs[0]
    return scores


def carried_over(net: nn.Module, loader: Any, criterion: Any, optimizer: Any, device: Any) -> float:
    losses: list[float] = []
    state: Any = None
    for words, labels in loader:
        if state is not None:
            state = tuple(part[:, : len(words)].detach() for part in state)
        optimizer.zero_grad()
        scores, state = net(words, state)
        loss = criterion(scores, labels)
        loss.backward()
        optimizer.step()
        losses += [loss.item()] * len(words)
    return sum(losses) / len(losses)


TASK = Task(reader, words_and_classes, options=lambda _rng: {"classes": 4}, activation=scores_of)
CHECKS = EpochChecks(TASK, wrong={**wrong_loops(TASK), "the state were carried over": carried_over})


def check(notebook: str) -> None:
    student, challenge = Student(FakeBox({"loop": notebook})), Challenge(b"secret", "s", "t")
    CHECKS.expect_steps(student, challenge, Device(), learning_rate=0.3)
    CHECKS.expect_mean_loss(student, challenge, Device())
    CHECKS.expect_placed(student, challenge, Device(), "inputs", "labels")


def test_a_right_loop_passes() -> None:
    check(LOOP)


@pytest.mark.parametrize(
    ("notebook", "words"),
    [
        (LOOP.replace("optimizer.zero_grad()", "pass"), "never set to zero"),
        (LOOP.replace("criterion(scores", "criterion(scores.softmax(1)"), "as if softmax were"),
        (CARRIED.format(DETACHED), "as if the state were carried over"),
        (LOOP.replace("words.to(device)", "words"), "did not lie on the device"),
    ],
)
def test_a_wrong_loop_is_named(notebook: str, words: str) -> None:
    with pytest.raises(Mismatch, match=words):
        check(notebook)


@pytest.mark.parametrize(
    ("given", "question"),
    [
        ("state", "is a state \\(of an LSTM\\) carried over"),
        ("tuple(p.detach() for p in state) if state else None", "Is the state of another batch"),
    ],
)
def test_a_state_that_torch_refuses_is_asked_about(given: str, question: str) -> None:
    with pytest.raises(StudentRaised, match=question):
        check(CARRIED.format(f"scores, state = net(words.to(device), {given})"))
