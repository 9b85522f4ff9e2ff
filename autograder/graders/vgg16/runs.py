"""A training run that `fit` is judged by: what the box gets of it, and what its result comes to.

The box gets training images with labels and some images to validate on. The images that decide are
drawn here, from the run's seed, and never sent; the accuracy on them is computed here, from the
parameters that came back. `short_run` and `full_run` say what is trained, and how long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from autograder.data import load_images
from autograder.grading import fields, vector
from autograder.grading.training import steady

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Labels = np.ndarray[Any, np.dtype[np.int64]]
Source = Callable[[int, int], tuple[Pixels, Labels]]  # images by count and seed, as draw_images


@dataclass(frozen=True)
class Budget:
    """How large a run is."""

    images: int
    seen_images: int  # to validate on
    hidden_images: int
    epochs: int
    batch_size: int
    learning_rate: float
    side: int  # pixels; images of 32 are enlarged to it
    units: int  # of the classifier's hidden layers
    at_once: int  # images in a forward pass on our side

    @property
    def total(self) -> int:
        return self.images + self.seen_images + self.hidden_images


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


class Run:
    """One run's images, drawn with a seed, and its network.

    Attributes:
        data: what the probe is asked with.
    """

    def __init__(
        self,
        seed: int,
        source: Source,
        budget: Budget,
        build: Callable[[], nn.Module],
        state: Mapping[str, torch.Tensor],
        device_name: str,
    ) -> None:
        """Draw a run.

        Args:
            build: makes the network, whose parameters are then set.
            state: initial parameters and buffers.
        """
        pixels, labels = source(budget.total, seed)
        ends = [budget.images, budget.images + budget.seen_images]
        train, seen, hidden = np.split(np.arange(budget.total), ends)
        self._budget, self._build, self._state = budget, build, state
        self._device_name = device_name
        self._train = pixels[train], labels[train]
        self._hidden = pixels[hidden], labels[hidden]
        self.data = {
            "state": state,
            "images": pixels[train],
            "labels": labels[train],
            "test_images": pixels[seen],
            "test_labels": labels[seen],
            "batch_size": budget.batch_size,
            "epochs": budget.epochs,
            "learning_rate": budget.learning_rate,
            "device_name": device_name,
            "seed": seed,
        }

    def judge(self, state: Any) -> Result:
        """Compute loss and accuracy of the returned parameters in a network of ours."""
        returned = fields(state, *self._state)
        for name, tensor in self._state.items():  # one at a time: they may be large
            vector({name: returned[name]}, {name: tensor})  # shape and finite values, or a Mismatch
        first, _ = self._measure(self._state, self._train)
        last, _ = self._measure(returned, self._train)
        _, accuracy = self._measure(returned, self._hidden)
        return Result(first, last, accuracy)

    def _measure(
        self, state: Mapping[str, Any], images: tuple[Pixels, Labels]
    ) -> tuple[float, float]:
        """Loss and accuracy."""
        net = self._build()
        net.load_state_dict({name: torch.as_tensor(state[name]) for name in self._state})
        net.to(self._device_name).eval()
        pixels = torch.from_numpy(images[0]).permute(0, 3, 1, 2)
        labels = torch.from_numpy(images[1])
        size = (self._budget.side, self._budget.side)
        scores = []
        with torch.no_grad(), steady(self._device_name, "tf32"):
            for part in torch.split(pixels, self._budget.at_once):
                inputs = part.to(self._device_name).float() / 255
                inputs = nn.functional.interpolate(inputs, size=size, mode="bilinear")
                scores.append(net(inputs).float().cpu())
        outputs = torch.cat(scores)  # (n, classes)
        loss = float(nn.functional.cross_entropy(outputs, labels))
        return loss, float((outputs.argmax(1) == labels).float().mean())


def images_of(folder: str) -> Source:
    """A source of images for a run: the training images of a folder, as `load_images` reads it."""
    images = load_images(folder, train=True)
    labels = np.array(images.targets, dtype=np.int64)

    def source(count: int, seed: int) -> tuple[Pixels, Labels]:
        chosen = np.random.default_rng(seed).choice(len(labels), count, replace=False)
        return images.data[chosen], labels[chosen]

    return source
