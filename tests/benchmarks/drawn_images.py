"""How hard the drawn images are: python tests/benchmarks/drawn_images.py [--threads 1]

A linear classifier on the pixels should stay low, a small convolutional network should climb well
above it, and a short run, such as graders afford, should leave chance (10 %) behind on every seed.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from autograder.data.course_data import DRAWN_TEST, DRAWN_TRAIN, draw_images


def tensors(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Images (count, 3, 32, 32) in [0, 1], and labels (count,)."""
    images, labels = draw_images(count, seed)
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return torch.from_numpy(planes).float() / 255, torch.from_numpy(labels)


def small_vgg(width: int) -> nn.Sequential:
    """Three blocks of convolution, ReLU and pooling, and a linear head."""
    layers: list[nn.Module] = []
    before = 3
    for channels in (width, 2 * width, 4 * width):
        layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        before = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * before, 10))


def accuracy(net: nn.Module, images: Tensor, labels: Tensor) -> float:
    net.eval()
    with torch.no_grad():
        right = [net(x).argmax(1) == y for x, y in batches(images, labels, 250)]
    return float(torch.cat(right).float().mean())


def batches(images: Tensor, labels: Tensor, size: int) -> list[tuple[Tensor, Tensor]]:
    starts = range(0, len(labels), size)
    return [(images[i : i + size], labels[i : i + size]) for i in starts]


def train(
    net: nn.Module, images: Tensor, labels: Tensor, epochs: int, rate: float, batch: int = 64
) -> float:
    """Train by Adam; returns seconds."""
    start = time.perf_counter()
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    net.train()
    for _ in range(epochs):
        order = torch.randperm(len(labels))
        for x, y in batches(images[order], labels[order], batch):
            optimizer.zero_grad()
            functional.cross_entropy(net(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return time.perf_counter() - start


def linear(
    train_set: tuple[Tensor, Tensor], test_set: tuple[Tensor, Tensor], decay: float
) -> float:
    """Logistic regression, to convergence (L-BFGS) under an L2 penalty; test accuracy."""
    net = nn.Linear(3072, 10)
    nn.init.zeros_(net.weight)
    x, y = train_set
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = functional.cross_entropy(net(x), y) + decay * net.weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return accuracy(net, *test_set)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=8, help="how many short runs of each kind")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    start = time.perf_counter()
    draw_images(2500, 1)
    print(f"drawing 2500 images: {time.perf_counter() - start:.2f} s")

    train_set, test_set = tensors(*DRAWN_TRAIN), tensors(*DRAWN_TEST)
    flat = [(x.flatten(1), y) for x, y in (train_set, test_set)]
    mean, spread = flat[0][0].mean(0), flat[0][0].std(0)
    standard = [((x - mean) / spread, y) for x, y in flat]
    for title, (fit, held_out) in (("raw", flat), ("standardised", standard)):
        reached = [linear(fit, held_out, decay) for decay in (0, 1e-3, 1e-2, 1e-1)]
        print(f"linear, {title} pixels: {max(reached):.1%} (best of four L2 penalties)")

    print("short runs, a new set of images, split and start for each seed")
    for count, epochs, width, rate, batch in (
        (512, 3, 16, 3e-3, 64),
        (512, 6, 16, 3e-3, 32),
        (1000, 4, 16, 3e-3, 32),
        (1000, 6, 16, 3e-3, 64),
        (1000, 6, 16, 2e-3, 32),
    ):
        reached, seconds = [], []
        for seed in range(options.seeds):
            torch.manual_seed(seed)
            net = small_vgg(width)
            seconds.append(train(net, *tensors(count, 1000 + seed), epochs, rate, batch))
            reached.append(accuracy(net, *tensors(500, 2000 + seed)))
        print(
            f"  {count} images, {epochs} epochs, width {width}, rate {rate}, "
            f"batches of {batch}: "
            f"median {statistics.median(reached):.1%}, lowest {min(reached):.1%}, "
            f"{statistics.median(seconds):.1f} s"
        )

    torch.manual_seed(0)
    net, seconds = small_vgg(32), []
    for epochs in (10, 10, 10):
        seconds.append(train(net, *train_set, epochs, 1e-3))
        print(
            f"long run, 2000 images, {10 * len(seconds)} epochs, width 32, rate 0.001: "
            f"{accuracy(net, *test_set):.1%}, {sum(seconds):.0f} s"
        )


if __name__ == "__main__":
    main()
