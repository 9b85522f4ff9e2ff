"""Networks that answer for each place of a sequence, as an attention block that says the next word does."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from autograder.grading import Challenge, Device, Mismatch, Student
from autograder.grading.training import EpochChecks, Task
from autograder.grading.training.goals import Result
from tests.graders.fake_box import FakeBox

LOOP = """
def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    total = count = 0
    for words, following in loader:
        words, following = words.to(device), following.to(device)
        optimizer.zero_grad()
        scores = net(words)
        loss = criterion(scores.flatten(0, 1), following.flatten())
        loss.backward()
        optimizer.step()
        total, count = total + loss.item() * len(words), count + len(words)
    return total / count
"""


def writer(words: int) -> Any:
    import torch
    from torch import nn

    class Writer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(words, 8)
            self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
            self.head = nn.Linear(8, words)

        def forward(self, sentences: torch.Tensor) -> torch.Tensor:  # (n, 6) to (n, 6, words)
            x = self.words(sentences)
            scores = self.query(x) @ self.key(x).transpose(1, 2) / 8**0.5
            later = torch.ones(6, 6, dtype=torch.bool).triu(1)
            answer: torch.Tensor = self.head(
                x + scores.masked_fill(later, -torch.inf).softmax(dim=2) @ self.value(x)
            )
            return answer

    return Writer()


def sentences(rng: np.random.Generator, count: int, words: int) -> Any:
    start, step = rng.integers(0, words, (count, 1)), rng.integers(1, 3, (count, 1))
    text = torch.from_numpy((start + step * np.arange(7)) % words)
    return text[:, :-1], text[:, 1:]


def classes_second(scores: torch.Tensor) -> torch.Tensor:
    return scores.transpose(1, 2)  # (n, words, 6)


TASK = Task(
    writer,
    sentences,
    options=lambda _rng: {"words": 9},
    activation=classes_second,
    noun="sentence",
)
CHECKS = EpochChecks(TASK)


def told(notebook: str) -> list[str]:
    """What the student reads of the steps, and then of the mean loss."""
    student, challenge = Student(FakeBox({"f": notebook})), Challenge(b"secret", "s", "t")
    said = []
    for check in (partial(CHECKS.expect_steps, learning_rate=0.3), CHECKS.expect_mean_loss):
        try:
            check(student, challenge, Device())
            said.append("")
        except Mismatch as wrong:
            said.append(str(wrong))
    return said


@pytest.mark.parametrize(
    "loss", ["scores.flatten(0, 1), following.flatten()", "scores.transpose(1, 2), following"]
)
def test_a_right_loop_passes_whether_it_flattens_or_not(loss: str) -> None:
    assert told(LOOP.replace("scores.flatten(0, 1), following.flatten()", loss)) == ["", ""]


@pytest.mark.parametrize(
    ("right", "wrong", "words", "mean"),
    [
        ("optimizer.zero_grad()", "pass", "as if the gradients were never set to zero", ""),
        ("net(words)", "net(words).softmax(2)", "as if softmax were applied before", "not right"),
        ("scores.flatten(0, 1)", "scores.transpose(0, 1).flatten(0, 1)", "What went into", "not"),
        ("following.flatten()", "words.flatten()", "not those of the batch's sentences", "not"),
        ("* len(words), count", ", count", "", "as if the sum of the batch means"),
        ("* len(words), count", "* 3, count", "", "The criterion gave the right losses"),
    ],
)
def test_a_wrong_loop_is_told_what_is_wrong(right: str, wrong: str, words: str, mean: str) -> None:
    steps, loss = told(LOOP.replace(right, wrong))
    assert (words in steps, mean in loss) == (True, True), (steps, loss)
    assert (bool(words), bool(mean)) == (bool(steps), bool(loss))


def test_the_share_of_right_words_is_that_of_all_places() -> None:
    labels = torch.tensor([[0, 1], [2, 0]])
    scores = torch.eye(3)[labels]  # (n, places, classes)
    scores[0, 0] = torch.tensor([0.0, 2.0, 0.0])
    assert Result(1, 1, 1, scores, labels).accuracy == 0.75
