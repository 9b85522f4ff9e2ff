"""The short training run of `fit`, and its thresholds.

The box gets training images with labels and some images to validate on. The images that decide are
drawn here, from a seed of their own, and never sent; the accuracy on them is computed here, from
the parameters that came back.

The thresholds stand in thresholds.json, with the way they were found: see `calibrate.py`. Whoever
changes what a run computes, or its budget, runs `autograder calibrate vgg16` again.
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

from autograder.data import draw_images, load_images
from autograder.graders.vgg16.networks import drawn_state, short_vgg
from autograder.graders.vgg16.replies import vector
from autograder.graders.vgg16.training import DEVICE
from autograder.grading import probe

TRAIN_COUNT, SEEN_COUNT, HIDDEN_COUNT = 800, 60, 500
EPOCHS, BATCH_SIZE, LEARNING_RATE = 5, 32, 1e-3  # 1.3 s on one core with the reference

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Labels = np.ndarray[Any, np.dtype[np.int64]]
Source = Callable[[int, int], tuple[Pixels, Labels]]


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


def load_thresholds(images: str = "drawn") -> Thresholds:
    """Read the thresholds for a kind of images, `drawn` or `cifar10`, beside this file."""
    data = json.loads(Path(__file__).with_name("thresholds.json").read_text())["short_run"][images]
    return Thresholds(data["loss_ratio"], data["accuracy"])


def images_of(folder: str) -> Source:
    """A source of images for `ShortRun`: training images of a folder in CIFAR-10's format."""
    images = load_images(folder, train=True)
    labels = np.array(images.targets, dtype=np.int64)

    def source(count: int, seed: int) -> tuple[Pixels, Labels]:
        chosen = np.random.default_rng(seed).choice(len(labels), count, replace=False)
        return images.data[chosen], labels[chosen]

    return source


@probe(uses=(short_vgg,))
def short_run(
    fit: Any, state: Any, images: Any, labels: Any, test_images: Any, test_labels: Any,
    batch_size: int, epochs: int, learning_rate: float, device_name: str, seed: int,
) -> Any:  # fmt: skip
    """Train a small VGG on images (n, 32, 32, 3) of bytes; the state after it."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    def loader(pixels: Any, targets: Any, shuffle: bool) -> Any:
        inputs = torch.as_tensor(pixels).permute(0, 3, 1, 2).float() / 255  # (n, 3, 32, 32)
        order = torch.Generator().manual_seed(seed)
        data = TensorDataset(inputs, torch.as_tensor(targets))
        return DataLoader(data, batch_size=batch_size, shuffle=shuffle, generator=order)

    net = short_vgg(10)
    net.load_state_dict(state)
    loaders = loader(images, labels, True), loader(test_images, test_labels, False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fit(net, *loaders, epochs, learning_rate, torch.device(device_name))
    return {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()}


class ShortRun:
    """One run's images and network, drawn with a seed.

    `source` gives other images than the drawn ones: called with a count and a seed, as draw_images.
    """

    def __init__(self, seed: int, source: Source = draw_images) -> None:
        total = TRAIN_COUNT + SEEN_COUNT + HIDDEN_COUNT
        pixels, labels = source(total, seed)
        parts = np.split(np.arange(total), [TRAIN_COUNT, TRAIN_COUNT + SEEN_COUNT])
        train, seen, hidden = parts
        self._state = drawn_state(lambda: short_vgg(10), seed)
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
        net = short_vgg(10)
        net.load_state_dict({name: torch.as_tensor(state[name]) for name in self._state})
        net.eval()
        inputs = torch.from_numpy(images[0]).permute(0, 3, 1, 2).float() / 255
        labels = torch.from_numpy(images[1])
        with torch.no_grad():
            outputs = net(inputs)
        loss = float(nn.functional.cross_entropy(outputs, labels))
        return loss, float((outputs.argmax(1) == labels).float().mean())


# Read when the graders are collected: a missing or broken file is our fault and shows at once.
THRESHOLDS = load_thresholds()
