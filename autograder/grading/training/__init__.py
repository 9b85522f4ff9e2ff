"""Checks of code that trains: what the author of a hidden test for deep learning imports.

A `Task` says what is trained: a small network, examples, a loss. `EpochChecks`, `ValidationChecks`,
`FitChecks` and `OptimizerChecks` hold the checks of one function each. All compare with a right loop on
the same parameters and batches, and name the mistake where they know it. A `ShortRun` trains for longer,
and must reach goals whose thresholds are calibrated. `RateChecks` are about an optimizer with a learning rate
for each part of a network.
"""

from autograder.grading.training.epoch import EpochChecks
from autograder.grading.training.fit_challenges import tells_apart
from autograder.grading.training.fit_task import fit_checks
from autograder.grading.training.fitting import FitChecks
from autograder.grading.training.goals import (
    Goal,
    Result,
    answers_well,
    expect_reached,
    figures_of,
    loss_falls,
    loss_is_small,
)
from autograder.grading.training.loops import Habits, loop, right_loop, wrong_loops
from autograder.grading.training.optimizer import OptimizerChecks
from autograder.grading.training.rates import RateChecks
from autograder.grading.training.short_run import Budget, Run, ShortRun
from autograder.grading.training.steady import STEADY, held, remembered, steady
from autograder.grading.training.task import (
    Drawn,
    Examples,
    Task,
    as_they_are,
    drawn_state,
    log_softmax,
)
from autograder.grading.training.validation import (
    IN_TRAINING,
    ValidationChecks,
    mistaken_accuracies,
    right_answers,
)
from autograder.grading.training.wrong_fits import around, wrong_fits

__all__ = [
    "IN_TRAINING",
    "STEADY",
    "Budget",
    "Drawn",
    "EpochChecks",
    "Examples",
    "FitChecks",
    "Goal",
    "Habits",
    "OptimizerChecks",
    "RateChecks",
    "Result",
    "Run",
    "ShortRun",
    "Task",
    "ValidationChecks",
    "answers_well",
    "around",
    "as_they_are",
    "drawn_state",
    "expect_reached",
    "figures_of",
    "fit_checks",
    "held",
    "log_softmax",
    "loop",
    "loss_falls",
    "loss_is_small",
    "mistaken_accuracies",
    "remembered",
    "right_answers",
    "right_loop",
    "steady",
    "tells_apart",
    "wrong_fits",
    "wrong_loops",
]
