"""Points on two spirals, and a picture of what a network makes of them. Keep it beside the notebook."""

import math

import matplotlib.pyplot as plt
import torch


def draw_spirals(count, seed):
    """Draw points (count, 2) and the spiral of each (count,), 0 or 1; the same for the same seed."""
    numbers = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    radius = torch.rand(count, generator=numbers)  # from the middle, 0, to the end, 1
    angle = 1.5 * math.pi * radius + math.pi * labels
    points = radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    return points + 0.03 * torch.randn(count, 2, generator=numbers), labels


def show_spirals(points, labels, net=None):
    """Draw the points, and behind them the class that `net` gives to each place."""
    _, axes = plt.subplots(figsize=(3.2, 3.2), layout="constrained")
    if net is not None:
        line = torch.linspace(-1.2, 1.2, 120)
        grid = torch.cartesian_prod(line, line)
        net.eval()
        with torch.no_grad():
            classes = net(grid).argmax(1).reshape(120, 120).T
        axes.imshow(classes, extent=(-1.2, 1.2, -1.2, 1.2), origin="lower", cmap="Pastel1")
    axes.scatter(*points.T, c=labels, s=8, cmap="Set1")
    axes.set(xlabel="$x$", ylabel="$y$", aspect="equal")
    plt.show()
