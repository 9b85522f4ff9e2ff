"""The short training run of `fit`, its thresholds, and fits that are wrong on purpose.

The box gets training images with labels and some images to validate on. The images that decide are
drawn here, from a seed of their own, and never sent; the accuracy on them is computed here, from
the parameters that came back.

The thresholds stand in thresholds.json, with the way they were found: see `calibrate.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from autograder.data import draw_images
from autograder.graders.vgg16 import networks, reference
from autograder.graders.vgg16.replies import vector
from autograder.graders.vgg16.training import DEVICE

TRAIN_COUNT, SEEN_COUNT, HIDDEN_COUNT = 600, 60, 400
EPOCHS, BATCH_SIZE, LEARNING_RATE = 5, 32, 3e-3  # 1.0 s on one core with the reference

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Labels = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Thresholds:
    """What a right solution reaches all but never fails to reach."""

    loss_ratio: float  # training loss after the run over that before it, at most
    accuracy: float  # on hidden images, at least


@dataclass(frozen=True)
class Result:
    """How a trained network does."""

    first_loss: float
    last_loss: float
    accuracy: float

    @property
    def loss_ratio(self) -> float:
        return self.last_loss / self.first_loss


def load_thresholds() -> Thresholds:
    """Read the thresholds beside this file."""
    data = json.loads(Path(__file__).with_name("thresholds.json").read_text())["short_run"]
    return Thresholds(data["loss_ratio"], data["accuracy"])


class ShortRun:
    """One run's images and network, drawn with a seed.

    `source` gives other images than the drawn ones: called with a count and a seed, as draw_images.
    """

    def __init__(
        self, seed: int, source: Callable[[int, int], tuple[Pixels, Labels]] = draw_images
    ) -> None:
        total = TRAIN_COUNT + SEEN_COUNT + HIDDEN_COUNT
        pixels, labels = source(total, seed)
        parts = np.split(np.arange(total), [TRAIN_COUNT, TRAIN_COUNT + SEEN_COUNT])
        train, seen, hidden = parts
        self._state = networks.drawn_state(lambda: networks.short_vgg(10), seed)
        self._train = pixels[train], labels[train]
        self._hidden = pixels[hidden], labels[hidden]
        self.data = {
            "state": self._state,
            "images": pixels[train],
            "labels": labels[train],
            "test_images": pixels[seen],
            "test_labels": labels[seen],
            "batch_size": BATCH_SIZE,
            "epochs": EPOCHS,
            "learning_rate": LEARNING_RATE,
            "device_name": DEVICE,
            "seed": seed,
        }

    def judge(self, state: Any) -> Result:
        """Compute loss and accuracy of the returned parameters in a network of ours."""
        vector(state, self._state)  # names, shapes and finite values, or a Mismatch
        first, _ = self._measure(self._state, self._train)
        last, _ = self._measure(state, self._train)
        _, accuracy = self._measure(state, self._hidden)
        return Result(first, last, accuracy)

    def _measure(self, state: dict[str, Any], images: tuple[Pixels, Labels]) -> tuple[float, float]:
        net = networks.short_vgg(10)
        net.load_state_dict({name: torch.as_tensor(state[name]) for name in self._state})
        net.eval()
        inputs = torch.from_numpy(images[0]).permute(0, 3, 1, 2).float() / 255
        labels = torch.from_numpy(images[1])
        with torch.no_grad():
            outputs = net(inputs)
        loss = float(nn.functional.cross_entropy(outputs, labels))
        return loss, float((outputs.argmax(1) == labels).float().mean())


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


WRONG_FITS: dict[str, Callable[..., dict[str, list[float]]]] = {
    "a new optimizer were made for each epoch, which forgets Adam's running means": _new_optimizer_each_epoch,
    "the learning rate were 1e-4 (is `learning_rate` passed on?)": _with(learning_rate=1e-4),
    "the learning rate were 1e-3 (is `learning_rate` passed on?)": _with(learning_rate=1e-3),
    "only one epoch were trained": _with(epochs=lambda _count: 1),
    "one epoch too many were trained": _with(epochs=lambda count: count + 1),
    "one epoch too few were trained": _with(epochs=lambda count: count - 1),
    "nothing were trained": _with(epochs=lambda _count: 0),
    "SGD were used, and not Adam": _with(optimizer=torch.optim.SGD),
    "AdamW were used, and not Adam": _with(optimizer=torch.optim.AdamW),
    "the test images were trained on": _trained_on_test_images,
}

# Read when the graders are collected: a missing or broken file is our fault and shows at once.
THRESHOLDS = load_thresholds()
