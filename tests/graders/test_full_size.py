"""The benchmark of the full size, as far as it goes without a GPU; its figures it must not invent."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

from autograder.data import load_images
from autograder.graders.vgg16 import reference
from tests.benchmarks import full_size
from tests.benchmarks.full_size import OnDevice, Run, operations, report

CPU = torch.device("cpu")


def test_vgg16_costs_what_its_shapes_say() -> None:
    with torch.device("meta"):
        forward, step = operations(models.vgg16(weights=None), 224)
    assert forward == 15_470_264_320  # the 15.5 billion of the literature
    assert step == 6 * forward - 2 * 64 * 224 * 224 * 27  # no gradient of the images


def test_images_enlarged_on_the_device_are_those_of_the_transform() -> None:
    images = load_images(train=True, limit=5)
    loader = OnDevice(images, 2, 64, CPU, shuffle=False)
    batches = list(loader)
    assert [len(labels) for _, labels in batches] == [2, 2, 1]
    assert len(loader) == 3
    large = torch.cat([batch for batch, _ in batches])
    transform = reference.make_transform(64)
    right = torch.stack([transform(Image.fromarray(pixels)) for pixels in images.data])
    assert batches[0][0].is_contiguous(memory_format=torch.channels_last)
    assert float((large - right).abs().max()) < 1.01 / 255  # PIL rounds to bytes
    assert torch.cat([labels for _, labels in batches]).tolist() == images.targets


def test_training_images_come_once_each_in_a_new_order_every_epoch() -> None:
    images = load_images(train=True, limit=40)
    images.targets = list(range(40))
    loader = OnDevice(images, 8, 32, CPU, shuffle=True)
    torch.manual_seed(0)
    first, second = (torch.cat([labels for _, labels in loader]).tolist() for _ in range(2))
    assert sorted(first) == sorted(second) == images.targets
    assert first != second


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


def test_bfloat16_changes_the_scores_little_and_their_type_not_at_all() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Flatten(), torch.nn.Linear(288, 4))
    images = torch.from_numpy(np.random.default_rng(0).random((2, 3, 8, 8))).float()
    exact, mixed = net(images), full_size.MixedPrecision(net)(images)
    assert mixed.dtype == torch.float32
    assert not torch.equal(exact, mixed)
    torch.testing.assert_close(mixed, exact, rtol=0.02, atol=0.02)
