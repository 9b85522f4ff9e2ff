"""`FitChecks` of a task alone: what a fit is asked with, a right fit, and wrong ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from autograder.grading.student import Challenge
from autograder.grading.training.fit_challenges import Fit, tells_apart
from autograder.grading.training.fitting import FitChecks
from autograder.grading.training.loops import right_loop
from autograder.grading.training.task import Drawn, Task, drawn_state
from autograder.grading.training.wrong_fits import wrong_fits

DRAWS = 200
TEST_BATCHES = 5


def fit_checks(
    task: Task,
    *,
    reference: Fit | None = None,
    optimizer: str = "Adam",
    settings: Mapping[str, Any] | None = None,
    rates: tuple[float, float] = (0.01, 0.03),
    by_heart: tuple[str, ...] = ("1e-4", "1e-3"),
    wrong: Mapping[str, Fit] | None = None,
    **others: Any,
) -> FitChecks:
    """Checks of a function that trains a classifier for epochs, with examples drawn by the task.

    What may be wrong must show: the test examples come sorted by their class, which a network in training
    mode normalises away; some of their labels are wrong; the last training batch is smaller and wrongly
    labelled. Should chance hide a mistake nevertheless, it is drawn again.

    Args:
        task: its labels are classes (n,); its network has batch normalisation, or another layer that
            behaves differently in training mode, and learns something in three epochs of five batches.
        reference: a right fit, called as the lecture's is; by default one is made. `stands_on` needs yours.
        optimizer: the class of `torch.optim` that is right, over all parameters.
        settings: its arguments besides the learning rate.
        rates: between these two the learning rate is drawn.
        by_heart: rates that a student may use in place of the one that is passed.
        wrong: fits with a mistake of your own, by the words that name it behind "as if".
        others: attributes of `FitChecks`: `function`, `call`, `keys`, `moves`, `statistics`, `stands_on`.
    """
    make = partial(getattr(torch.optim, optimizer), **(settings or {}))
    keys = others.get("keys", FitChecks.keys)
    train_epoch = right_loop(task)

    def fit(
        net: Any, train: Any, test: Any, epochs: int, learning_rate: float, device: Any
    ) -> dict[str, list[float]]:
        history: dict[str, list[float]] = {key: [] for key in keys}
        steps = make(net.to(device).parameters(), lr=learning_rate)
        for _ in range(epochs):
            loss = train_epoch(net, train, task.criterion(), steps, device)
            for key, value in zip(keys, (loss, _accuracy(net, test, device)), strict=True):
                history[key].append(value)
        return history

    def draw(challenge: Challenge, epochs: int) -> Drawn:
        for attempt in range(DRAWS):
            drawn = Drawn(task, _drawn(task, challenge, attempt, epochs, rates))
            if epochs == 1 or tells_apart(drawn, train_epoch, _accuracy, make):  # else form alone
                return drawn
        raise ValueError(
            f"In {DRAWS} draws of the task's {task.noun}s three epochs at rates of {rates} never told a "
            "right history from a wrong one. The network should have batch normalisation and learn in them: "
            "is the learning rate too small, or are the examples too hard?"
        )

    right = reference or fit
    known = wrong_fits(
        right, train_epoch, task, optimizer=optimizer, settings=settings, rates=by_heart
    )
    return FitChecks(task, draw, right, {**known, **(wrong or {})}, **others)


def _accuracy(net: Any, loader: Any, device: Any) -> float:
    net.eval()
    with torch.no_grad():
        hits = [net(x.to(device)).argmax(1) == labels.to(device) for x, labels in loader]
    return float(torch.cat(hits).float().mean())


def _drawn(
    task: Task, challenge: Challenge, attempt: int, epochs: int, rates: tuple[float, float]
) -> dict[str, Any]:
    rng = challenge.rng
    options = task.options(rng)
    size = int(rng.integers(9, 13))
    inputs, labels = task.examples(rng, size * 4 + 5, **options)
    test_inputs, test_labels = task.examples(rng, size * TEST_BATCHES, **options)
    if test_labels.ndim != 1 or test_labels.is_floating_point():
        raise ValueError(
            f"fit_checks needs one class for each {task.noun}, labels of the shape (n,); those of this task "
            f"are {tuple(test_labels.shape)}, {test_labels.dtype}. Draw for FitChecks yourself."
        )
    order = test_labels.argsort(stable=True)
    test_inputs, test_labels = test_inputs[order], test_labels[order]
    state = drawn_state(lambda: task.build(**options), challenge.seed + attempt)
    with torch.no_grad():
        classes = task.network(options, state).eval()(inputs).shape[1]
    for part, wrong in (
        (labels, slice(-5, None)),
        (test_labels, slice(3, size)),
        (test_labels, slice(-size, None)),
    ):
        part[wrong] = (part[wrong] + 1) % classes
    return {
        "inputs": inputs,
        "labels": labels,
        "test_inputs": test_inputs,
        "test_labels": test_labels,
        "state": state,
        "batch_size": size,
        "options": options,
        "epochs": epochs,
        "learning_rate": float(rng.uniform(*rates)),
        "device_name": "cpu",
    }
