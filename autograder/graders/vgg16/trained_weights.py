"""The bonus for trained weights: how often a handed-in VGG16 is right on images that nobody has seen.

Nothing of the student's runs. The file's tensors go into torchvision's VGG16 with ten classes, here, and the
accuracy is counted on test images of the course's own folder, which no box gets. All submissions are asked
about the same images, so that chance treats all alike: with 256 of them the standard error of an accuracy of
0.8 is 0.025.

CIFAR-10's test images are public, so a network can have been trained on them. A course that cares uses images
of its own (`c.CourseSettings.data_directory`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import nn
from torchvision import models

from autograder.data import load_images
from autograder.grading import Device
from autograder.grading.training import steady

LEVELS = (
    0.50,
    0.60,
    0.70,
    0.75,
    0.80,
)  # the lecture's epochs came to 0.56, 0.71, 0.77, 0.79 and 0.80
IMAGES = 256
SIDE = 224
_CLASSES = 10
_AT_ONCE = 16  # images in a forward pass


def shapes() -> dict[str, tuple[int, ...]]:
    """What a file must hold: the names and shapes of the lecture's network."""
    return {name: tuple(tensor.shape) for name, tensor in _network().state_dict().items()}


def accuracy(
    weights: Mapping[str, torch.Tensor], images: Path | None, device: Device, count: int = IMAGES
) -> float:
    """The share of images that a VGG16 with these weights answers rightly, in [0, 1].

    Args:
        weights: as `shapes` has them.
        images: a folder, as `load_images` reads it; its training part is used.
        count: how many of its images, the first ones.

    Raises:
        RuntimeError: when there is no such folder.
    """
    if images is None:
        raise RuntimeError(
            "Trained weights can only be judged on real images. Name a folder with some in "
            "course_config.py (c.CourseSettings.data_directory), or take the bonus out."
        )
    chosen = load_images(images, train=True, limit=count)
    pixels = torch.from_numpy(chosen.data).permute(0, 3, 1, 2)  # (n, 3, 32, 32), bytes
    labels = torch.tensor(chosen.targets)  # (n,)
    net = _network()
    net.load_state_dict(weights, assign=True)
    net.to(device.name).eval()
    answers = []
    with torch.no_grad(), steady(device.name), _tiny_numbers_as_zero():
        for part in torch.split(pixels, _AT_ONCE):
            inputs = part.to(device.name).float() / 255
            large = nn.functional.interpolate(inputs, size=(SIDE, SIDE), mode="bilinear")
            answers.append(net(large).argmax(1).cpu())
    return float((torch.cat(answers) == labels).float().mean())


@contextlib.contextmanager
def _tiny_numbers_as_zero() -> Iterator[None]:
    """Numbers below 1e-38 count as 0: a CPU computes with them a hundred times as slowly, all night long."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _network() -> nn.Module:
    with torch.device("meta"):  # nothing is drawn for parameters that come with the file
        net: nn.Module = models.vgg16(weights=None, num_classes=_CLASSES)
    return net
