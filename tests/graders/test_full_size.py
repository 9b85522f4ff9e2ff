"""The benchmark of the full size, as far as it goes without a GPU; its figures it must not invent."""

from __future__ import annotations

import re

import pytest
import torch
from PIL import Image
from torchvision import models

from autograder.data import load_images
from autograder.data.training_tools import OnDevice
from autograder.graders.vgg16 import reference
from tests.benchmarks import full_size
from tests.benchmarks.full_size import Run, operations, report


def test_vgg16_costs_what_its_shapes_say() -> None:
    with torch.device("meta"):
        forward, step = operations(models.vgg16(weights=None), 224)
    assert forward == 15_470_264_320  # the 15.5 billion of the literature
    assert step == 6 * forward - 2 * 64 * 224 * 224 * 27  # no gradient of the images


def test_images_enlarged_on_the_device_are_those_of_the_transform() -> None:
    images = load_images(train=True, limit=5)
    batches = list(OnDevice(images, 2, torch.device("cpu"), side=64))
    large = torch.cat([batch for batch, _ in batches])
    transform = reference.make_transform(64)
    right = torch.stack([transform(Image.fromarray(pixels)) for pixels in images.data])
    assert float((large - right).abs().max()) < 1.01 / 255  # PIL rounds to bytes


def test_the_share_is_that_of_the_quickest_epoch_after_the_first() -> None:
    run = Run("tuned", 1000, [0.1, 4.0, 5.0], [1.0] * 3, [2.0] * 3, [0.5] * 3, 2048)
    assert run.images_per_s == 250
    lines = report(run, per_image=10, rate=5000.0, precision="bf16")
    assert "250 images/s, 50% of the bf16 matrix rate, 2.0 GiB" in lines[0]
    assert "accuracy 50.00% (the lecture: 56%)" in lines[1]


def test_without_a_gpu_there_are_no_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert full_size.main(["--cifar10", "/nowhere"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "nothing was measured" in said.err


def test_the_same_code_runs_on_the_cpu_and_shows_no_figure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert full_size.main(["--smoke"]) == 0
    said = capsys.readouterr().out
    assert "plain ran through; its loss is there" in said
    assert "tuned ran through; its loss is there" in said
    assert "Nothing was measured" in said
    assert not re.search(r"images/s|FLOP|%|\d s\b", said)
