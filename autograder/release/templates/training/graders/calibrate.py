"""The runs that the thresholds come from. `autograder calibrate NAME` makes them and writes thresholds.json.

Do so after each change of the network, the points, the budget or the reference.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from spiral_task import RUN, TASK, many_epochs, on_spirals

from autograder.grading.calibration import Calibration, source_digest
from autograder.grading.training import wrong_loops


def reference(net: Any, loader: Any, criterion: Any, optimizer: Any) -> float:
    """A right `train_epoch`."""
    net.train()
    losses: list[float] = []
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(net(inputs), targets)
        loss.backward()
        optimizer.step()
        losses += [loss.item()] * len(inputs)
    return sum(losses) / len(losses)


def calibration(_images: Path | None) -> Calibration:
    """Runs of the reference, and of every loop that the library knows as wrong."""
    wrong = {
        name: partial(many_epochs, partial(loop, device=torch.device("cpu")))
        for name, loop in wrong_loops(TASK).items()
    }
    made: Calibration = RUN.calibration(
        partial(many_epochs, reference),
        wrong,
        data_set=source_digest(on_spirals),
        reference=(reference, many_epochs),
        mistakes=(wrong_loops,),
    )
    return made
