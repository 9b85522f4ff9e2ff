"""What stands around your functions in this assignment: deep networks to try, and the pictures.

    net = deep_net(20, shortcut=True)   # 20 convolutions, each with a way around it
    net = deep_net(20, shortcut=False)  # the same layers without

This file needs nothing of the autograder: it travels beside the notebooks, with
course_data.py. There is nothing to do in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from course_data import picture, unless_stub
from torch import Tensor, nn

# Networks


class Layer(nn.Module):
    """One layer of a deep network, with or without a way around it."""

    def __init__(self, layer: nn.Module, around: bool) -> None:
        super().__init__()
        self.layer = layer
        self.around = around

    def forward(self, features: Tensor) -> Tensor:
        change: Tensor = self.layer(features.relu())
        return features + change if self.around else change


def deep_net(depth: int, shortcut: bool, width: int = 16, num_classes: int = 10) -> nn.Module:
    """So many convolutions in a row, for images (B, 3, 32, 32): a chain, or a chain with shortcuts.

    The first one makes `width` channels and a quarter of the side; no batch normalisation helps.
    """
    first = nn.Conv2d(3, width, kernel_size=4, stride=4)  # (B, width, 8, 8)
    middle = [Layer(nn.Conv2d(width, width, 3, padding=1), shortcut) for _ in range(depth - 1)]
    last = [nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, num_classes)]
    return nn.Sequential(first, *middle, *last)


def deep_spiral_net(depth: int, shortcut: bool, width: int = 16) -> nn.Module:
    """So many fully connected layers in a row, from points (B, 2) to scores (B, 3)."""
    middle = [Layer(nn.Linear(width, width), shortcut) for _ in range(depth - 2)]
    return nn.Sequential(nn.Linear(2, width), *middle, nn.ReLU(), nn.Linear(width, 3))


# Pictures


@picture
def show_shapes(title: str, expected: Mapping[str, tuple[int, int]], yours: Sequence[Any]) -> None:
    """Draw channels and side of some outputs, expected and yours; `yours` holds shapes (B, c, h, w)."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 0.5 * len(expected) + 1.3))
    places = np.arange(len(expected))
    for axis, part, name in zip(axes, (0, 1), ("channels", "side (pixels)"), strict=True):
        wanted = [sizes[part] for sizes in expected.values()]
        axis.barh(places, wanted, height=0.75, color="lightgrey", label="expected")
        if len(yours) == len(expected) and all(len(shape) == 4 for shape in yours):
            seen = [shape[1 + part] for shape in yours]
            axis.barh(places, seen, height=0.35, color="tab:blue", label="yours")
        axis.set_yticks(places, list(expected))
        axis.invert_yaxis()
        axis.set_xlabel(name)
    axes[0].legend(frameon=False, loc="upper right")
    figure.suptitle(title)
    figure.tight_layout()
    plt.show()


@picture
def show_block(make: Callable[[], nn.Module], image: Tensor) -> None:
    """Draw a picture (3, h, w) before and behind ten blocks whose convolutions say nothing."""
    pictures = {"given": image, "expected behind ten blocks": image}
    with unless_stub("BasicBlock", "make_shortcut"), torch.no_grad():
        seen = image[None]
        for _ in range(10):
            block = make().eval()
            for layer in block.modules():
                if isinstance(layer, nn.BatchNorm2d):  # whatever it gets, it answers 0
                    nn.init.zeros_(layer.weight)
            seen = block(seen)
        pictures["yours"] = seen[0]
    figure, axes = plt.subplots(1, len(pictures), figsize=(2.6 * len(pictures), 2.8))
    for axis, (title, image) in zip(axes, pictures.items(), strict=True):
        axis.imshow(image.clamp(0, 1).permute(1, 2, 0).numpy())
        axis.set_title(title)
        axis.axis("off")
    figure.tight_layout()
    plt.show()


@picture
def show_bars(title: str, known: Mapping[str, float], yours: Mapping[str, float]) -> None:
    """Draw counts that are known and yours, by the same names, on a logarithmic scale."""
    names = list({**known, **yours})
    figure, axis = plt.subplots(figsize=(7.5, 0.45 * len(names) + 1.2))
    places = np.arange(len(names))
    for numbers, height, colour, label in (
        (known, 0.75, "lightgrey", "known"),
        (yours, 0.35, "tab:blue", "yours"),
    ):
        found = [(place, numbers[name]) for place, name in enumerate(names) if numbers.get(name)]
        if found:
            where, sizes = zip(*found, strict=True)
            bars = axis.barh(where, sizes, height=height, color=colour, label=label)
            if colour == "tab:blue":
                axis.bar_label(bars, [f" {number:,.0f}" for number in sizes], fontsize=8)
    axis.set_yticks(places, names)
    axis.invert_yaxis()
    ends = min(known.values()) / 4, max(known.values()) * 12
    axis.set(xscale="log", xlabel="parameters (log scale)", xlim=ends)
    axis.set_title(title)
    axis.legend(frameon=False, loc="lower right")
    figure.tight_layout()
    plt.show()


@picture
def show_norms(expected: Sequence[float], yours: Sequence[float]) -> None:
    """Draw the norms of ten layers' gradients, expected and yours."""
    figure, axis = plt.subplots(figsize=(5.5, 2.8))
    layers = range(1, len(expected) + 1)
    axis.plot(layers, expected, color="lightgrey", linewidth=6, label="expected")
    if len(yours) == len(expected):
        axis.plot(layers, yours, "o", color="tab:blue", markersize=4, label="yours")
    axis.set(yscale="log", xlabel="layer, from the images on", ylabel="norm of the gradient")
    axis.set_title("ten convolutions in a chain, and the last layer")
    axis.legend(frameon=False)
    figure.tight_layout()
    plt.show()


@picture
def show_factor(norms: Sequence[float], factor: float | None) -> None:
    """Draw norms, and the straight line through the last of them with a factor for each layer."""
    figure, axis = plt.subplots(figsize=(5.5, 2.8))
    layers = np.arange(1, len(norms) + 1)
    axis.plot(layers, norms, "o", color="grey", markersize=4, label="norms")
    if factor:
        line = norms[-1] * float(factor) ** (len(norms) - layers)
        axis.plot(layers, line, color="tab:blue", label=f"yours: times {factor:.3g} a layer")
    axis.set(yscale="log", xlabel="layer", ylabel="norm of the gradient")
    axis.legend(frameon=False)
    figure.tight_layout()
    plt.show()


@picture
def show_loss(loss_function: Callable[..., Tensor] | None) -> None:
    """Draw the price of two raw scores, as it should be and as your loss has it."""
    lead = torch.linspace(-6, 6, 25)  # by how much the right class's score is larger
    figure, axis = plt.subplots(figsize=(5, 2.8))
    axis.plot(lead, (1 + (-lead).exp()).log(), color="lightgrey", linewidth=6, label="expected")
    if loss_function is not None:
        scores = torch.stack([lead, torch.zeros(25)], dim=1)  # (25, 2)
        prices = [float(loss_function(pair[None], torch.tensor([0]))) for pair in scores]
        axis.plot(lead, prices, "o", color="tab:blue", markersize=4, label="yours")
    axis.set(xlabel="lead of the right class's score", ylabel="loss (nats)")
    axis.set_title("the price of an answer")
    axis.legend(frameon=False)
    figure.tight_layout()
    plt.show()


@picture
def show_accuracies(evaluate: Callable[..., float]) -> None:
    """Draw the accuracy of three networks whose accuracy is known."""
    from torch.utils.data import DataLoader, TensorDataset

    labels = torch.arange(10).repeat(10)  # 100 labels
    half = torch.where(torch.arange(100) < 50, labels, (labels + 1) % 10)
    answers = {"always right": labels, "right half the time": half}
    answers["always says 0"] = torch.zeros_like(labels)
    net = nn.Linear(10, 10, bias=False)
    net.weight.data = torch.eye(10)  # answers with what it is given
    yours = {}
    with unless_stub("evaluate"):
        for name, answer in answers.items():
            asked = TensorDataset(nn.functional.one_hot(answer, 10).float(), labels)
            yours[name] = evaluate(DataLoader(asked, batch_size=32), net)
    figure, axis = plt.subplots(figsize=(5, 2))
    places = np.arange(3)
    axis.barh(places, [1, 0.5, 0.1], height=0.7, color="lightgrey", label="expected")
    if None not in yours.values() and yours:
        axis.barh(places, list(yours.values()), height=0.3, color="tab:orange", label="yours")
    axis.set_yticks(places, list(answers))
    axis.invert_yaxis()
    axis.set(xlabel="accuracy (share of right answers)", xlim=(0, 1.35))
    axis.legend(frameon=False)
    figure.tight_layout()
    plt.show()


def spiral() -> tuple[Tensor, Tensor]:
    """Three arms of 30 points: images (90, 2), labels (90,), always the same."""
    numbers = torch.Generator().manual_seed(34)
    label = torch.arange(90) % 3
    radius = torch.linspace(0.1, 1, 90)
    angle = 4 * radius + 2.1 * label + 0.15 * torch.randn(90, generator=numbers)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1), label


def spiral_net() -> nn.Module:
    """A small network from two numbers to three classes."""
    return nn.Sequential(
        nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3)
    )


@picture
def show_epochs(expected: Sequence[float], yours: Sequence[float]) -> None:
    """Draw the loss of some epochs on the spiral, expected and yours."""
    figure, axis = plt.subplots(figsize=(5, 2.8))
    epochs = range(1, len(expected) + 1)
    axis.plot(epochs, expected, color="lightgrey", linewidth=6, label="expected")
    if len(yours) == len(expected):
        axis.plot(epochs, yours, "o-", color="tab:blue", markersize=4, label="yours")
    axis.set(xlabel="epoch", ylabel="mean loss per point (nats)", ylim=(0, None))
    axis.set_title("90 points on a spiral, batches of 40, 40 and 10")
    axis.legend(frameon=False)
    figure.tight_layout()
    plt.show()


@picture
def show_maps(nets: Mapping[str, nn.Module], histories: Mapping[str, Any]) -> None:
    """Draw the spiral's points on the map that each network has learnt, and the losses on the way."""
    points, labels = spiral()
    palette = np.array(["tab:red", "tab:green", "tab:blue"])
    side = torch.linspace(-1.2, 1.2, 120)
    ground = torch.cartesian_prod(side, side)[:, [1, 0]]
    figure, axes = plt.subplots(1, len(nets) + 1, figsize=(3.2 * len(nets) + 3.4, 3))
    for axis, (name, net) in zip(axes[:-1], nets.items(), strict=True):
        with torch.no_grad():
            shades = net(ground).softmax(dim=1).reshape(120, 120, 3)
        axis.imshow(0.5 + shades.numpy() / 2, extent=(-1.2, 1.2, -1.2, 1.2), origin="lower")
        axis.scatter(*points.numpy().T, c=palette[labels], s=12, edgecolors="w", linewidths=0.4)
        accuracy = histories[name]["accuracy"][-1]
        axis.set(xlabel="$x_1$", ylabel="$x_2$", title=f"{name}: {accuracy:.0%} right")
    for name, history in histories.items():
        axes[-1].plot(range(1, len(history["loss"]) + 1), history["loss"], label=name)
    axes[-1].axhline(np.log(3), color="grey", linestyle=":", label="ln 3: knows nothing")
    axes[-1].set(xlabel="epoch", ylabel="training loss per point (nats)", ylim=(0, None))
    axes[-1].legend(frameon=False, fontsize=7)
    figure.tight_layout()
    plt.show()
