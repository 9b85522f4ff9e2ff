"""What the training graders share: the challenges they draw and the probes that run a loop.

Each probe is called twice: in the box with the student's functions, here with the reference's or
with a wrong loop's. Both start from the same parameters, which are sent, and see the same batches
in the same order, so that the results are equal up to the rounding of float32 sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from autograder.graders.vgg16.networks import drawn_state, tiny_net
from autograder.graders.vgg16.steady import STEADY, held, remembered, steady
from autograder.grading import Challenge, Device, Floats, probe

DEVICE = "cpu"  # where nothing else is said; see `TrainingChallenge.on_each`

# How far a right loop's parameter updates may lie from the reference's, as a fraction of the
# update's norm. Over 150 challenges (tests/graders/test_tolerances.py) right loops of four styles
# stay below 2e-5, float32 rounding through five to fifteen steps, and the nearest wrong loop is at
# 0.08. The room above 2e-5 is for GPUs, which sum in another order: noise in the last bit of all that is
# multiplied moves a right loop by 2e-4 at most, over 100 challenges. TF32 and bfloat16 would not do. They
# round what is multiplied by up to 2^-11 and 2^-8, but no bound on the updates follows: where another
# pixel of a pool becomes the largest, or a ReLU opens, a gradient takes another way. Rounded so on the CPU
# (`Rounding` there), right loops with SGD move by 0.01 (TF32) and 0.15 (bfloat16) in the median, by 0.25 and
# 0.49 at most. So both are off where updates are compared (`steady`, `held`). Not yet seen on a GPU.
TOLERANCE = 0.01


@dataclass(frozen=True)
class TrainingChallenge:
    """A network's state and a data set in which the last batch is smaller and stands out."""

    data: dict[str, Any]

    def on_each(self, device: Device) -> Iterator[TrainingChallenge]:
        """The same, to be computed on each of the devices on which a test computes."""
        for name in device.names:
            yield replace(self, data={**self.data, "device_name": name})

    @property
    def parameters(self) -> dict[str, torch.Tensor]:
        return parameters_of(self.data["state"])

    @property
    def buffers(self) -> dict[str, torch.Tensor]:
        state = self.data["state"]
        return {name: tensor for name, tensor in state.items() if is_buffer(name)}


def is_buffer(name: str) -> bool:
    return "running_" in name or "num_batches" in name


def parameters_of(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in state.items() if not is_buffer(name)}


def training_challenge(
    challenge: Challenge,
    *,
    norm: bool,
    learning_rate: float,
    optimizer: str = "SGD",
    factor: float = 1.0,
) -> TrainingChallenge:
    """Draw a network and images.

    The images of the last batch are brighter, and have the labels that the network thinks least
    likely: its loss is larger, and a mean of batch means is not the mean over images.
    """
    rng = challenge.rng
    batch_size = int(rng.integers(7, 12))
    last = int(rng.integers(3, 5))
    count = batch_size * 4 + last
    classes = int(rng.integers(4, 8))
    images = torch.from_numpy(rng.normal(size=(count, 3, 8, 8))).float()
    images[-last:] = images[-last:] * 3 + 1
    labels = torch.from_numpy(rng.integers(0, classes, count))
    state = drawn_state(lambda: tiny_net(classes, norm), challenge.seed)
    net = tiny_net(classes, norm)
    net.load_state_dict(state)
    with torch.no_grad():
        labels[-last:] = net.eval()(images[-last:]).argmin(dim=1)
    return TrainingChallenge(
        {
            "state": state,
            "images": images,
            "labels": labels,
            "batch_size": batch_size,
            "classes": classes,
            "norm": norm,
            "optimizer_name": optimizer,
            "learning_rate": learning_rate,
            "factor": factor,
            "device_name": DEVICE,
        }
    )


@probe(uses=(tiny_net, *STEADY, remembered))
def one_epoch(
    train_epoch: Any,
    state: Any,
    images: Any,
    labels: Any,
    batch_size: int,
    classes: int,
    norm: bool,
    optimizer_name: str,
    learning_rate: float,
    factor: float,
    device_name: str,
) -> Any:
    """Call train_epoch on a network in evaluation mode; its return value and the state after it."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    class ScaledLoss(nn.NLLLoss):
        """A criterion that only its own call knows."""

        def forward(self, input: Any, target: Any) -> Any:  # NLLLoss's names: some loops use them
            return factor * super().forward(input, target)

    device = torch.device(device_name)
    net = tiny_net(classes, norm)
    net.load_state_dict(state)
    net.to(device).eval()
    held(net, device_name)
    optimizer = getattr(torch.optim, optimizer_name)(net.parameters(), lr=learning_rate)
    # On the device already: who does not move them fails `on_device.epoch_placement` alone.
    data = TensorDataset(images.to(device), labels.to(device))
    loader = DataLoader(data, batch_size=batch_size)
    criterion = nn.NLLLoss() if factor == 1 else ScaledLoss()
    with steady(device_name), remembered(train_epoch, device_name != "cpu"):
        loss = train_epoch(net, loader, criterion, optimizer, device)
    return {
        "loss": loss,
        "state": {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()},
    }


def batch_losses(drawn: TrainingChallenge) -> tuple[Floats, Floats]:
    """The mean loss of each batch, and its number of images, with the parameters as drawn."""
    net = tiny_net(drawn.data["classes"], False)
    net.load_state_dict(drawn.data["state"])
    size = drawn.data["batch_size"]
    batches = list(
        zip(drawn.data["images"].split(size), drawn.data["labels"].split(size), strict=True)
    )
    with torch.no_grad():
        means = [float(torch.nn.functional.cross_entropy(net(x), y)) for x, y in batches]
    return np.array(means), np.array([float(len(y)) for _, y in batches])
