"""The runs that the thresholds of `test_a_short_run_learns` come from: `autograder calibrate residual`."""

from __future__ import annotations

from pathlib import Path

from autograder.graders.residual import reference, short_run, tasks
from autograder.grading.calibration import Calibration, source_digest
from autograder.grading.training import around, wrong_fits, wrong_loops


def calibration(images: Path | None) -> Calibration:
    """The runs on drawn images; there are no others."""
    if images is not None:
        raise ValueError("residual's short run draws its images itself, and takes no others")
    return short_run.SHORT.calibration(
        reference.fitted,
        short_run.WRONG,
        data_set=f"{source_digest(tasks.coloured)}, by {short_run.STRONGER}",
        reference=(
            reference.fitted,
            reference.fit,
            reference.train_epoch,
            reference.evaluate,
            reference.make_loss_and_optimizer,
        ),
        mistakes=(wrong_loops, wrong_fits, around),
    )
