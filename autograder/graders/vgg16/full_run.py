"""The short training run of the real VGG16 on a GPU: 224×224, real images where the course has some.

It is `short_run` at full size. It decides where both sides have a GPU for which its thresholds were found
(`autograder calibrate vgg16 --device cuda`); everywhere else the short size decides, on the CPU.

The network is torchvision's VGG16 with batch normalisation, all 13 convolutions at their own width. Two
things keep a run short. The two hidden layers of the classifier have 256 units and not 4096: so 21 million
parameters go through the wall and not 134, which are 85 MB and not 537 in each direction, within the box's
memory several times over. And batch normalisation, since a VGG16 without it hardly begins to learn in as
many steps. The budget has not been tried on a GPU: where it should not suffice, `calibrate` finds no
threshold, says so, and nothing changes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from autograder.graders.image_sources import Source, digest_of, drawn, images_of, unit_pixels
from autograder.graders.vgg16 import reference, short_run
from autograder.grading import Device, probe
from autograder.grading.calibration import misfits, source_digest
from autograder.grading.training import STEADY, Budget, Run, steady

TEST = "full_run"  # in thresholds.json
CLASSES = short_run.CLASSES


@dataclass(frozen=True)
class FullBudget(Budget):
    """How large the run is.

    Attributes:
        side: in pixels; images of 32 are enlarged to it.
        units: of the classifier's hidden layers.
    """

    side: int = 224
    units: int = 256


FULL = FullBudget(
    examples=1024,
    seen=64,
    hidden=500,
    epochs=5,
    batch_size=32,
    learning_rate=3e-4,
    at_once=20,  # boxes share the GPU with us
)
# To see on a CPU that all of it runs.
SMOKE = replace(FULL, examples=16, seen=4, hidden=20, epochs=1, batch_size=8, side=32, units=16)


def real_vgg(classes: int, units: int) -> Any:
    """torchvision's VGG16 with batch normalisation, for images (B, 3, 224, 224); parameters not set."""
    import torch
    from torch import nn
    from torchvision import models

    with torch.device("meta"):  # nothing is drawn for parameters that come with the challenge
        net = models.vgg16_bn(weights=None)
        net.classifier[0] = nn.Linear(512 * 7 * 7, units)
        net.classifier[3] = nn.Linear(units, units)
        net.classifier[6] = nn.Linear(units, classes)
    return net.to_empty(device="cpu")


@probe(uses=(real_vgg, *STEADY))
def full_run(
    fit: Any, state: Any, inputs: Any, labels: Any, test_inputs: Any, test_labels: Any, side: int,
    options: Any, batch_size: int, epochs: int, learning_rate: float, device_name: str, seed: int,
) -> Any:  # fmt: skip
    """Train the real VGG16 on images (n, 32, 32, 3) of bytes, enlarged; the state after it."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    def enlarged(samples: Any) -> Any:
        pixels = torch.stack([pixels for pixels, _ in samples]).float() / 255
        size = (side, side)
        large = torch.nn.functional.interpolate(pixels, size=size, mode="bilinear")
        return large, torch.stack([label for _, label in samples])  # (B, 3, side, side), (B,)

    def loader(pixels: Any, targets: Any, shuffle: bool) -> Any:
        bytes_there = torch.as_tensor(pixels).permute(0, 3, 1, 2).to(device_name)
        data = TensorDataset(bytes_there, torch.as_tensor(targets).to(device_name))
        order = torch.Generator().manual_seed(seed)
        return DataLoader(data, batch_size, shuffle=shuffle, generator=order, collate_fn=enlarged)

    device = torch.device(device_name)
    net = real_vgg(**options)
    net.load_state_dict(state)
    net.to(device)
    loaders = loader(inputs, labels, True), loader(test_inputs, test_labels, False)
    gpus = [] if device.type == "cpu" else [torch.cuda.current_device()]
    with torch.random.fork_rng(devices=gpus), steady(device_name, "tf32"):
        torch.manual_seed(seed)
        fit(net, *loaders, epochs, learning_rate, device)
    return {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()}


def drawn_run(
    seed: int,
    source: Source = drawn,
    device_name: str = "cuda",
    budget: FullBudget = FULL,
) -> Run:
    """A run's images and network, drawn with a seed."""
    task = replace(short_run.TASK, build=real_vgg)
    options = {"classes": CLASSES, "units": budget.units}
    state = initial_state(budget.units, seed)
    prepare = partial(enlarged, side=budget.side)
    examples = source(budget.total, seed)
    run = Run(task, options, state, examples, budget, seed, prepare, device_name)
    run.data["side"] = budget.side
    return run


def enlarged(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """Bytes (n, 32, 32, 3) as the network takes them, (n, 3, side, side)."""
    size = (side, side)
    return nn.functional.interpolate(unit_pixels(pixels), size=size, mode="bilinear")


def initial_state(units: int, seed: int) -> dict[str, torch.Tensor]:
    """Initial parameters and buffers: He's normal distribution for all layers, whose biases are zero."""
    order = torch.Generator().manual_seed(seed)
    net = real_vgg(CLASSES, units)
    for part in net.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu", generator=order)
            nn.init.constant_(cast(torch.Tensor, part.bias), 0)
        elif isinstance(part, nn.BatchNorm2d):
            part.reset_parameters()
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def kind_of(images: Path | None) -> str:
    """The key of thresholds.json below `TEST`."""
    return "drawn" if images is None else "course"


def source_of(images: Path | None) -> Source:
    """Images by count and seed, from a folder's training images or drawn."""
    return drawn if images is None else _images_of(str(images))


_images_of = lru_cache(maxsize=2)(images_of)


def made_from(images: Path | None, device: str) -> dict[str, Any]:
    """What the thresholds depend on.

    Args:
        device: the GPU's name.
    """
    return {
        "data_set": digest_of(images),
        "network": source_digest(real_vgg, initial_state),
        "budget": asdict(FULL),
        "full_run": source_digest(full_run.function, Run, drawn_run, enlarged, *STEADY),
        "reference": source_digest(*reference.TRAINING),
        "device": device,
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
    }


def thresholds_for(device: Device, images: Path | None) -> tuple[dict[str, float] | None, str]:
    """The thresholds on a GPU, or None and why the short size decides, for staff."""
    if not device.has_gpu:
        return None, device.why
    path = Path(__file__).with_name("thresholds.json")
    entry = json.loads(path.read_text()).get(TEST, {}).get(kind_of(images))
    again = "Run `autograder calibrate vgg16 --device cuda` there."
    if entry is None:
        return None, f"The run of the real VGG16 has no thresholds for {device.title} yet. {again}"
    reasons = misfits(entry["found"]["made_from"], made_from(images, device.title))
    if reasons:
        why = f"The thresholds for the run of the real VGG16 do not fit: {'; '.join(reasons)}. {again}"
        return None, why
    return {goal.criterion.name: entry[goal.criterion.name] for goal in short_run.GOALS}, ""
