"""The runs that the thresholds of `test_a_short_run_learns` come from: `autograder calibrate transfer`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from autograder.graders.image_sources import drawn_digest
from autograder.graders.transfer import reference, tasks
from autograder.grading.calibration import Calibration
from autograder.grading.training import loop


def calibration(images: Path | None) -> Calibration:
    """The runs on drawn images; there are no others, since the trained network knows these."""
    if images is not None:
        raise ValueError("transfer's network was trained on drawn images, and fits no others")
    weights = hashlib.sha256(tasks.FILE.read_bytes()).hexdigest()[:12]
    return tasks.SHORT.calibration(
        reference.fit,
        tasks.WRONG,
        data_set=f"{drawn_digest()}, from the weights {weights}",
        reference=(
            reference.fit,
            reference.fine_tune,
            reference.train_epoch,
            reference.make_optimizer,
            reference.freeze_body,
        ),
        mistakes=(tasks.fit_call, loop),
    )
