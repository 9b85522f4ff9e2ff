"""The bonus for trained weights: the real VGG16, at 224 pixels a side, on few images."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from autograder.data import draw_images, load_images, write_images
from autograder.graders.vgg16 import trained_weights
from autograder.grading import BonusFile, Device

COUNT = 6


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    return write_images(folder, "0123456789", draw_images(20, seed=3))


@pytest.fixture(scope="module")
def net() -> nn.Module:
    torch.manual_seed(0)
    made: nn.Module = models.vgg16(num_classes=10)
    for part in made.modules():  # torch's own initialisation lets the signal fade to nothing
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
    return made.eval()


def test_the_accuracy_is_that_of_torchvisions_vgg16(
    net: nn.Module, images: Path, tmp_path: Path
) -> None:
    path = tmp_path / "vgg16.safetensors"
    save_file({name: tensor.half() for name, tensor in net.state_dict().items()}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.stat().st_size < 520 * 2**20 / 2 + 2**20, "in float32 it fits, too"
    weights = BonusFile(path, digest, 520).tensors(trained_weights.shapes())
    asked = load_images(images, train=True, limit=COUNT)
    pixels = torch.from_numpy(asked.data).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        scores = net(nn.functional.interpolate(pixels, size=(224, 224), mode="bilinear"))
    labels = torch.tensor(asked.targets)
    wanted = float((scores.argmax(1) == labels).float().mean())
    assert trained_weights.accuracy(weights, images, Device(), COUNT) == pytest.approx(wanted)

    # The same network whose last layer always says what most of the images are.
    most = int(labels.mode().values)
    for name in ("weight", "bias"):
        weights[f"classifier.6.{name}"] = torch.zeros_like(weights[f"classifier.6.{name}"])
    weights["classifier.6.bias"][most] = 1.0
    seen = trained_weights.accuracy(weights, images, Device(), COUNT)
    assert seen == pytest.approx(float((labels == most).float().mean()))
    assert seen > 0


def test_the_shapes_are_the_lectures(net: nn.Module) -> None:
    shapes = trained_weights.shapes()
    assert shapes == {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    assert shapes["classifier.6.weight"] == (10, 4096)


def test_without_real_images_staff_are_told_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="data_directory"):
        trained_weights.accuracy({}, None, Device())
