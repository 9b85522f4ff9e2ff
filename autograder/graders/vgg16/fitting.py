"""What the grader of fit asks, and fits that are wrong on purpose."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from autograder.graders.vgg16 import reference
from autograder.graders.vgg16.networks import drawn_state, tiny_net
from autograder.graders.vgg16.training import DEVICE
from autograder.graders.vgg16.wrong_loops import WRONG_LOOPS
from autograder.grading import Challenge, probe

TEST_BATCHES = 5
LOSS_TOLERANCE = 0.01  # relative; over 60 challenges right loops of three styles were off by 6e-7
MAY_DIFFER = 2  # test images on the border between two classes, which rounding may turn


@probe(uses=(tiny_net,))
def fitted(
    fit: Any, state: Any, images: Any, labels: Any, test_images: Any, test_labels: Any,
    batch_size: int, classes: int, epochs: int, learning_rate: float, device_name: str,
) -> Any:  # fmt: skip
    """Call fit on a network in evaluation mode; its history and the state after it."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    net = tiny_net(classes, True)
    net.load_state_dict(state)
    net.eval()
    loaders = [
        DataLoader(TensorDataset(images, labels), batch_size=batch_size),
        DataLoader(TensorDataset(test_images, test_labels), batch_size=batch_size),
    ]
    history = fit(net, *loaders, epochs, learning_rate, torch.device(device_name))
    return {
        "history": {**history} if isinstance(history, dict) else history,
        "state": {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()},
    }


def fit_challenge(challenge: Challenge, epochs: int) -> dict[str, Any]:
    """A task that a small network learns in a few steps: which of three colours is strongest.

    What may be wrong must show whatever was drawn:

    - A wrong `validate`, in the accuracies. So the test images come in full batches, sorted by their
      class, which a network in training mode normalises away, and most labels of the first batch and
      all of the last one are wrong.
    - Accuracies of another moment, or of one for all epochs. So the network learns slowly enough.
    - A mean of batch means, in the losses. So the last training batch is smaller and has wrong labels.
    - A weight decay of any size. So one filter never answers, whatever the images: its large weights
      have no gradient, and nothing but a decay moves them.

    Should chance hide one of them nevertheless, but for the last, we draw again.
    """
    for attempt in range(200):
        data = _drawn(challenge, challenge.seed + attempt, epochs)
        if _tells_apart(data):
            break
    return data


def _tells_apart(data: dict[str, Any]) -> bool:
    """Whether mistakes in what is measured, not in how the network is trained, would show."""
    hits: list[int] = []  # of the test images, before the first epoch and after each
    images_off: list[float] = []  # by validating in training mode, in each epoch
    losses_off: list[float] = []  # by averaging batch means, as a fraction of the right loss

    def fit(*args: Any) -> dict[str, list[float]]:
        net, train_loader, test_loader, epochs, learning_rate, device = args
        optimizer = torch.optim.Adam(net.parameters(), lr=learning_rate)
        count = len(data["test_labels"])
        hits.append(round(reference.validate(net, test_loader, device) * count))
        for _ in range(epochs):
            means: list[float] = []

            def criterion(
                scores: torch.Tensor, labels: torch.Tensor, means: list[float] = means
            ) -> torch.Tensor:
                loss = nn.functional.nll_loss(scores, labels)
                means.append(float(loss.detach()))
                return loss

            right = reference.train_epoch(
                net, train_loader, cast(Any, criterion), optimizer, device
            )
            losses_off.append(abs(float(np.mean(means)) / right - 1))
            hits.append(round(reference.validate(net, test_loader, device) * count))
            training = copy.deepcopy(net).train()
            with torch.no_grad():
                in_training = [
                    (training(images).argmax(1) == labels).sum() for images, labels in test_loader
                ]
            images_off.append(abs(sum(map(int, in_training)) - hits[-1]))
        return {}

    fit_by(fit, data)
    right = np.array(hits[1:])
    # Validated before each epoch, or once for all of them, after any of them.
    others = [np.array(hits[:-1]), *(np.full_like(right, once) for once in right)]
    images_off_at_other_times = [np.abs(other - right).max() for other in others]
    return (
        max(images_off) > MAY_DIFFER + 3
        and (min(images_off_at_other_times) > MAY_DIFFER + 2 or len(right) == 1)
        and max(losses_off) > 2 * LOSS_TOLERANCE
    )


def _drawn(challenge: Challenge, seed: int, epochs: int) -> dict[str, Any]:
    rng = challenge.rng
    classes, batch_size = 3, int(rng.integers(9, 13))
    count = {"": batch_size * 4 + 5, "test_": batch_size * TEST_BATCHES}
    data: dict[str, Any] = {}
    for part, number in count.items():
        labels = rng.integers(0, classes, number)
        if part:
            labels.sort()
        images = rng.normal(size=(number, 3, 8, 8))
        images[np.arange(number), labels] += 0.7
        for wrong in (
            (slice(3, batch_size), slice(-batch_size, None)) if part else (slice(-5, None),)
        ):
            labels[wrong] = (labels[wrong] + 1) % classes
        data[f"{part}images"] = torch.from_numpy(images).float()
        data[f"{part}labels"] = torch.from_numpy(labels)
    state = drawn_state(lambda: tiny_net(classes, True), seed)
    state["4.weight"][0] *= 100
    state["5.bias"][0] = -20.0  # batch normalisation of n values gives at most √n, here 14
    return {
        **data,
        "state": state,
        "batch_size": batch_size,
        "classes": classes,
        "epochs": epochs,
        "learning_rate": float(rng.uniform(4e-3, 8e-3)),
        "device_name": DEVICE,
    }


def fit_by(fit: Any, data: dict[str, Any]) -> dict[str, Any]:
    reply: dict[str, Any] = fitted(fit, **data)
    return reply


def _new_optimizer_each_epoch(*args: Any) -> dict[str, list[float]]:
    net, train_loader, test_loader, epochs, learning_rate, device = args
    for _ in range(epochs):
        reference.fit(net, train_loader, test_loader, 1, learning_rate, device)
    return {}


def _with(**changes: Any) -> Callable[..., dict[str, list[float]]]:
    """The reference's fit with another number of epochs, learning rate or optimizer."""

    def fit(*args: Any) -> dict[str, list[float]]:
        net, train_loader, _, epochs, learning_rate, device = args
        net.to(device)
        rate = changes.get("learning_rate", learning_rate)
        make = changes.get("optimizer", torch.optim.Adam)
        optimizer = make(net.parameters(), lr=rate)
        for _ in range(changes.get("epochs", lambda count: count)(epochs)):
            reference.train_epoch(net, train_loader, nn.NLLLoss(), optimizer, device)
        return {}

    return fit


def _trained_on_test_images(*args: Any) -> dict[str, list[float]]:
    net, _, test_loader, epochs, learning_rate, device = args
    return reference.fit(net, test_loader, test_loader, epochs, learning_rate, device)


def around(train_epoch: Callable[..., float]) -> Callable[..., dict[str, list[float]]]:
    """The reference's fit around another loop, without its history."""

    def fit(
        net: Any, train_loader: Any, _test: Any, epochs: int, learning_rate: float, device: Any
    ) -> dict[str, list[float]]:
        net.to(device)
        criterion, optimizer = reference.make_criterion_and_optimizer(net, learning_rate)
        for _ in range(epochs):
            train_epoch(net, train_loader, criterion, optimizer, device)
        return {}

    return fit


# Of these, thresholds.json says that some short runs pass and some do not.
LUCKY_FITS = {
    name: around(loop)
    for name, loop in WRONG_LOOPS.items()
    if name.startswith(("softmax stood", "softmax were applied first", "log_softmax ran over"))
}

WRONG_FITS: dict[str, Callable[..., dict[str, list[float]]]] = {
    "a new optimizer were made for each epoch, which forgets Adam's running means": (
        _new_optimizer_each_epoch
    ),
    "the learning rate were 1e-4 (is `learning_rate` passed on?)": _with(learning_rate=1e-4),
    "the learning rate were 1e-3 (is `learning_rate` passed on?)": _with(learning_rate=1e-3),
    "only one epoch were trained": _with(epochs=lambda _count: 1),
    "one epoch too many were trained": _with(epochs=lambda count: count + 1),
    "one epoch too few were trained": _with(epochs=lambda count: count - 1),
    "nothing were trained": _with(epochs=lambda _count: 0),
    "SGD were used, and not Adam": _with(optimizer=torch.optim.SGD),
    "AdamW were used, and not Adam": _with(optimizer=torch.optim.AdamW),
    "Adam had the weight decay 5e-4": _with(optimizer=partial(torch.optim.Adam, weight_decay=5e-4)),
    "Adam had the weight decay 0.01": _with(optimizer=partial(torch.optim.Adam, weight_decay=1e-2)),
    "the test images were trained on": _trained_on_test_images,
    "only the last layer's parameters were given to the optimizer": _with(
        optimizer=lambda parameters, lr: torch.optim.Adam(list(parameters)[-2:], lr=lr)
    ),
}
