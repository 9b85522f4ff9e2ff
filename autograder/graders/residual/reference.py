"""The assignment done right: what the graders compare with. Runs only in the trusted process.

The source notebooks carry solutions of their own; these here are written independently, so that an
error in one of the two shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import nn

Loader = Iterable[tuple[torch.Tensor, torch.Tensor]]


# 1_blocks


def make_shortcut(in_channels: int, out_channels: int, stride: int = 1) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    projection = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
    return nn.Sequential(projection, nn.BatchNorm2d(out_channels))


class BasicBlock(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut = make_shortcut(in_channels, out_channels, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))


class Bottleneck(nn.Module):
    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(in_channels, width, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.expand = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(4 * width)
        self.shortcut = make_shortcut(in_channels, 4 * width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = torch.relu(self.norm1(self.reduce(x)))
        inner = torch.relu(self.norm2(self.conv(inner)))
        return torch.relu(self.norm3(self.expand(inner)) + self.shortcut(x))


def make_stage(in_channels: int, out_channels: int, blocks: int, stride: int = 1) -> nn.Module:
    first = BasicBlock(in_channels, out_channels, stride)
    return nn.Sequential(
        first, *(BasicBlock(out_channels, out_channels) for _ in range(blocks - 1))
    )


# 2_parameters_and_gradients


def _convolution(inputs: int, outputs: int, side: int) -> int:
    """Weights without a bias, and the two numbers a channel of the batch normalisation behind."""
    return inputs * outputs * side**2 + 2 * outputs


def basic_block_parameters(in_channels: int, out_channels: int, stride: int = 1) -> int:
    count = _convolution(in_channels, out_channels, 3) + _convolution(out_channels, out_channels, 3)
    projects = stride != 1 or in_channels != out_channels
    return count + projects * _convolution(in_channels, out_channels, 1)


def bottleneck_parameters(in_channels: int, width: int, stride: int = 1) -> int:
    count = _convolution(in_channels, width, 1) + _convolution(width, width, 3)
    count += _convolution(width, 4 * width, 1)
    projects = stride != 1 or in_channels != 4 * width
    return count + projects * _convolution(in_channels, 4 * width, 1)


def resnet_parameters(blocks: tuple[int, ...] = (2, 2, 2, 2), num_classes: int = 10) -> int:
    count, channels = _convolution(3, 64, 7), 64
    for stage, number in enumerate(blocks):
        outputs = 64 * 2**stage
        count += basic_block_parameters(channels, outputs, 1 if stage == 0 else 2)
        count += (number - 1) * basic_block_parameters(outputs, outputs)
        channels = outputs
    return count + (channels + 1) * num_classes


def gradient_norms(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    mode = net.training
    net.train()
    weights = {name: part for name, part in net.named_parameters() if part.ndim > 1}
    loss = nn.functional.cross_entropy(net(images), labels)
    gradients = torch.autograd.grad(loss, list(weights.values()))
    net.train(mode)
    return {name: float(part.norm()) for name, part in zip(weights, gradients, strict=True)}


def shrink_per_layer(norms: list[float]) -> float:
    return math.exp((math.log(norms[0]) - math.log(norms[-1])) / (len(norms) - 1))


def plot_gradient_flow(flows: Mapping[str, list[float]]) -> Figure:
    figure, axis = plt.subplots()
    for name, norms in flows.items():
        axis.semilogy(range(1, len(norms) + 1), norms, label=name)
    axis.set(xlabel="layer", ylabel="norm of the gradient")
    axis.legend()
    return figure


# 3_training


def make_loss_and_optimizer(
    net: nn.Module, learning_rate: float = 0.1
) -> tuple[nn.Module, torch.optim.Optimizer]:
    return nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=learning_rate, momentum=0.9)


def train_epoch(
    loader: Loader, net: nn.Module, loss_function: Any, optimizer: torch.optim.Optimizer
) -> tuple[float, float]:
    net.train()
    total = right = count = 0.0
    for images, labels in loader:
        scores = net(images)  # (B, classes)
        loss = loss_function(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(labels)
        right += float((scores.argmax(dim=1) == labels).sum())
        count += len(labels)
    return total / count, right / count


def evaluate(loader: Loader, net: nn.Module) -> float:
    mode = net.training
    net.eval()
    with torch.no_grad():
        hits = [net(images).argmax(dim=1) == labels for images, labels in loader]
    net.train(mode)
    return float(torch.cat(hits).double().mean())


def fit(
    train_loader: Loader,
    test_loader: Loader,
    net: nn.Module,
    epochs: int,
    learning_rate: float = 0.1,
) -> dict[str, list[float]]:
    loss_function, optimizer = make_loss_and_optimizer(net, learning_rate)
    history: dict[str, list[float]] = {"loss": [], "accuracy": []}
    for _ in range(epochs):
        loss, _ = train_epoch(train_loader, net, loss_function, optimizer)
        history["loss"].append(loss)
        history["accuracy"].append(evaluate(test_loader, net))
    return history


# as the library calls it


def fitted(
    net: nn.Module, train: Loader, test: Loader, epochs: int, learning_rate: float, _device: Any
) -> dict[str, list[float]]:
    """`fit` with the arguments of the lecture's."""
    return fit(train, test, net, epochs, learning_rate)
