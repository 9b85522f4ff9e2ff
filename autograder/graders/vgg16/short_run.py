"""The short training run of `fit`, on a small network, and its thresholds.

The thresholds stand in thresholds.json, with the way they were found: see `calibrate.py`. Whoever
changes what a run computes, or its budget, runs `autograder calibrate vgg16` again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autograder.data import draw_images
from autograder.graders.vgg16.networks import short_vgg
from autograder.graders.vgg16.runs import Budget, Run, Source, Thresholds
from autograder.grading import probe
from autograder.grading.training import STEADY, drawn_state, remembered, steady

CLASSES = 10
DEVICE = "cpu"
SHORT = Budget(  # 1.3 s on one core with the reference
    images=800,
    seen_images=60,
    hidden_images=500,
    epochs=5,
    batch_size=32,
    learning_rate=1e-3,
    side=32,
    units=64,
    at_once=800,
)


def load_thresholds(images: str = "drawn") -> Thresholds:
    """Read the thresholds for a kind of images, `drawn` or `cifar10`, beside this file."""
    data = json.loads(Path(__file__).with_name("thresholds.json").read_text())["short_run"][images]
    return Thresholds(data["loss_ratio"], data["accuracy"])


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


short_run_itself = short_run.function  # shipped with the probe below


@probe(uses=(short_vgg, *STEADY, remembered, short_run_itself))
def short_run_there(
    fit: Any, state: Any, images: Any, labels: Any, test_images: Any, test_labels: Any,
    batch_size: int, epochs: int, learning_rate: float, device_name: str, seed: int,
) -> Any:  # fmt: skip
    """`short_run` on the CPU of a machine with a GPU, which a notebook is not to see."""
    with steady(device_name), remembered(fit, device_name != "cpu"):
        return short_run(
            fit, state, images, labels, test_images, test_labels,
            batch_size, epochs, learning_rate, device_name, seed,
        )  # fmt: skip


def drawn_run(seed: int, source: Source = draw_images) -> Run:
    """A run's images and network, drawn with a seed."""

    def build() -> Any:
        return short_vgg(CLASSES)

    return Run(seed, source, SHORT, build, drawn_state(build, seed), DEVICE)


# Read when the graders are collected: a missing or broken file is our fault and shows at once.
THRESHOLDS = load_thresholds()
