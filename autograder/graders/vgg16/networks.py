"""Small networks for the graders, shipped into the box with the probes that use them.

Nothing here may need a module-level name. Both sides build the same network and load the same
parameters, which the grader draws and sends.
"""

from __future__ import annotations

from typing import Any


def tiny_net(classes: int, norm: bool) -> Any:
    """A VGG-style network for images (B, 3, 8, 8) without random layers.

    With `norm` it has batch normalisation, and so behaves differently in training mode.
    """
    from torch import nn

    layers: list[Any] = []
    for inputs, outputs in ((3, 8), (8, 12)):
        layers.append(nn.Conv2d(inputs, outputs, 3, padding=1, bias=not norm))
        if norm:
            layers.append(nn.BatchNorm2d(outputs))
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(12 * 2 * 2, classes))


def short_vgg(classes: int) -> Any:
    """A VGG-style network for images (B, 3, 32, 32) that learns within a second or two."""
    from torch import nn

    layers: list[Any] = []
    inputs = 3
    for outputs in (8, 16, 32, 32):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        inputs = outputs
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(32 * 2 * 2, 64), nn.ReLU(), nn.Linear(64, classes)
    )


def cheap_vgg(seed: int) -> Any:
    """A torchvision VGG with its own classifier of 4096, 4096 and 1000, but a small front.

    For images (B, 3, 8, 8). The front has 64 outputs in place of 25,088, which spares 400 MiB. The
    large weights repeat one random block, which spares 0.3 s of random numbers.
    """
    import torch
    from torch import nn
    from torchvision import models

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        with torch.device("meta"):
            net = models.VGG(nn.Sequential(), init_weights=False)
        net.features = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        net.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        net.classifier[0] = nn.Linear(16 * 2 * 2, 4096)
        for index, outputs in ((3, 4096), (6, 1000)):
            block = (torch.rand(outputs // 8, 128) - 0.5) / 16
            net.classifier[index].weight = nn.Parameter(block.repeat(8, 32))
            net.classifier[index].bias = nn.Parameter(torch.rand(outputs) - 0.5)
    return net
