"""The assignment done right: what the graders compare with. Runs only in the trusted process.

Names, signatures and meanings are the contract's. The source notebooks carry solutions of their
own; these here are written independently, so that an error in one of the two shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

Loader = Iterable[tuple[torch.Tensor, torch.Tensor]]
Floats = npt.NDArray[Any]


# 1_data_and_head


def make_transform(size: int = 224) -> Callable[[Image.Image], torch.Tensor]:
    def transform(image: Image.Image) -> torch.Tensor:
        pixels = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR), dtype=np.float32)
        return torch.from_numpy(pixels / 255).permute(2, 0, 1).contiguous()

    return transform


def make_loaders(
    train_set: Dataset[Any], test_set: Dataset[Any], batch_size: int = 64
) -> tuple[DataLoader[Any], DataLoader[Any]]:
    return (
        DataLoader(train_set, batch_size=batch_size, shuffle=True),
        DataLoader(test_set, batch_size=batch_size, shuffle=False),
    )


def swap_head(net: Any, num_classes: int = 10) -> Any:
    net.classifier[6] = nn.Linear(4096, num_classes)
    return net


# 2_parameters


def conv2d_parameters(in_channels: int, out_channels: int, kernel_size: int) -> int:
    return out_channels * in_channels * kernel_size**2 + out_channels


def linear_parameters(in_features: int, out_features: int) -> int:
    return in_features * out_features + out_features


def parameter_table(net: nn.Module) -> list[tuple[str, tuple[int, ...], int]]:
    return [
        (name, tuple(tensor.shape), math.prod(tensor.shape))
        for name, tensor in net.named_parameters()
    ]


def count_parameters(net: nn.Module) -> int:
    return sum(math.prod(tensor.shape) for tensor in net.parameters() if tensor.requires_grad)


# 3_training


def pick_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def make_criterion_and_optimizer(
    net: nn.Module, learning_rate: float = 1e-4
) -> tuple[nn.Module, torch.optim.Optimizer]:
    return nn.NLLLoss(), torch.optim.Adam(net.parameters(), lr=learning_rate)


def train_epoch(
    net: nn.Module,
    loader: Loader,
    criterion: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
) -> float:
    net.train()
    total, count = 0.0, 0
    for images, labels in loader:
        optimizer.zero_grad()
        log_probs = torch.log_softmax(net(images.to(device)), dim=1)  # (B, classes)
        loss = criterion(log_probs, labels.to(device))
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(labels)
        count += len(labels)
    return total / count


def validate(net: nn.Module, loader: Loader, device: torch.device) -> float:
    mode = net.training
    net.eval()
    right = count = 0
    with torch.no_grad():
        for images, labels in loader:
            right += int((net(images.to(device)).argmax(dim=1) == labels.to(device)).sum())
            count += len(labels)
    net.train(mode)
    return right / count


def fit(
    net: nn.Module,
    train_loader: Loader,
    test_loader: Loader,
    epochs: int,
    learning_rate: float,
    device: torch.device,
) -> dict[str, list[float]]:
    net.to(device)
    criterion, optimizer = make_criterion_and_optimizer(net, learning_rate)
    history: dict[str, list[float]] = {"train_loss": [], "test_accuracy": []}
    for _ in range(epochs):
        history["train_loss"].append(train_epoch(net, train_loader, criterion, optimizer, device))
        history["test_accuracy"].append(validate(net, test_loader, device))
    return history


TRAINING = (fit, train_epoch, validate, make_criterion_and_optimizer)


def plot_history(history: dict[str, list[float]]) -> Figure:
    figure, axes = plt.subplots(1, 2)
    epochs = np.arange(1, len(history["train_loss"]) + 1)
    for axis, key, label in zip(
        axes, ("train_loss", "test_accuracy"), ("training loss", "test accuracy"), strict=True
    ):
        axis.plot(epochs, history[key], marker="o")
        axis.set(xlabel="epoch", ylabel=label)
    return figure


# 4_kernels


def copy_kernels(net: Any) -> dict[str, torch.Tensor]:
    return {
        name: net.features[index].weight.detach().cpu().clone()
        for name, index in (("conv1", 0), ("conv2", 2))
    }


def kernel_mosaic(weight: torch.Tensor, columns: int = 8) -> Floats:
    return place(unit_scaled(weight).permute(0, 2, 3, 1).numpy(), columns)


def channel_mosaic(weight: torch.Tensor, kernel: int = 0, columns: int = 8) -> Floats:
    return place(unit_scaled(weight[kernel]).numpy(), columns)


def plot_kernel_change(before: Floats, after: Floats) -> Figure:
    figure, axes = plt.subplots(1, 3)
    difference = after - before
    if difference.ndim == 3:
        difference = (difference + 1) / 2
    for axis, image, title in zip(
        axes, (before, after, difference), ("before", "after", "difference"), strict=True
    ):
        axis.imshow(image, cmap="gray")
        axis.set_title(title)
    return figure


def unit_scaled(weight: torch.Tensor) -> torch.Tensor:
    """The smallest weight to 0 and the largest to 1; zeros where all are equal."""
    low, high = weight.min(), weight.max()
    return (weight - low) / (high - low) if high > low else torch.zeros_like(weight)


def place(tiles: Floats, columns: int) -> Floats:
    """Tiles (n, k, k, …) in rows of `columns`, unused places zero: (rows·k, columns·k, …)."""
    count, side = tiles.shape[:2]
    rows = -(-count // columns)
    mosaic = np.zeros((rows * side, columns * side, *tiles.shape[3:]), dtype=tiles.dtype)
    for index, tile in enumerate(tiles):
        top, left = index // columns * side, index % columns * side
        mosaic[top : top + side, left : left + side] = tile
    return mosaic
