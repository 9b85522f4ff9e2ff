"""Find the thresholds of the short run: `python -m autograder.graders.vgg16.calibrate --seeds 250`.

The reference is run with many seeds, each with a network, training images and hidden images of
its own. A threshold lies six standard deviations to the failing side of the mean. The loss ratio is
taken as its logarithm, for it is positive and its right tail is heavy: one of 150 seeds lay 4.7
deviations above the mean before, 3.7 after. Were the results normally distributed, a right solution
would fail once in 10^9 runs; they are only nearly so, and no number of seeds that one can afford
shows such a rate. The smallest and largest results are written down, so that the room can be seen.
A loss ratio over 0.95 is no threshold, for the loss must fall. `--write` replaces an entry of
thresholds.json.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autograder.data import draw_images
from autograder.graders.vgg16 import reference, short_run

Source = Callable[[int, int], tuple[short_run.Pixels, short_run.Labels]]

DEVIATIONS = 6.0
FIRST_SEED = 1_000_000


def one_seed(seed: int, source: Source = draw_images) -> tuple[float, float]:
    """Loss ratio and hidden accuracy of the reference."""
    run = short_run.ShortRun(seed, source)
    result = run.judge(short_run.short_run(reference.fit, **run.data))
    return result.loss_ratio, result.accuracy


def summary(results: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """The thresholds with the figures that they come from."""
    ratios, accuracies = np.array(results).T
    logs = np.log(ratios)
    return {
        "loss_ratio": min(
            0.95, round(float(np.exp(logs.mean() + DEVIATIONS * logs.std(ddof=1))), 2)
        ),
        "accuracy": round(float(accuracies.mean() - DEVIATIONS * accuracies.std(ddof=1)), 2),
        "found": {
            "date": datetime.date.today().isoformat(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "machine": platform.machine(),
            "seeds": len(results),
            "first_seed": FIRST_SEED,
            "deviations": DEVIATIONS,
            "log_loss_ratio": _figures(logs),
            "loss_ratio": _figures(ratios),
            "accuracy": _figures(accuracies),
        },
    }


def _figures(values: Any) -> dict[str, float]:
    figures = {"mean": values.mean(), "deviation": values.std(ddof=1)}
    figures |= {"smallest": values.min(), "largest": values.max()}
    return {name: round(float(value), 4) for name, value in figures.items()}


def main() -> None:
    """Run the reference and print, or write, the thresholds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=250)
    parser.add_argument("--cifar10", metavar="FOLDER", help="real images instead of drawn ones")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    source = short_run.images_of(arguments.cifar10) if arguments.cifar10 else draw_images
    results = [one_seed(FIRST_SEED + number, source) for number in range(arguments.seeds)]
    found = summary(results)
    print(json.dumps(found, indent=1))
    if arguments.write:
        path = Path(__file__).with_name("thresholds.json")
        data = json.loads(path.read_text())
        data["short_run"]["cifar10" if arguments.cifar10 else "drawn"] = found
        path.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
