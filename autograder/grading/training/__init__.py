"""Checks of code that trains: what the author of a hidden test for deep learning imports.

A `Task` says what is trained: a small network, examples, a loss. `EpochChecks`, `ValidationChecks`,
`FitChecks` and `OptimizerChecks` hold the checks of one function each. All compare with a right loop on
the same parameters and batches, and name the mistake where they know it.
"""

from autograder.grading.training.epoch import EpochChecks
from autograder.grading.training.fitting import FitChecks, tells_apart
from autograder.grading.training.loops import Habits, loop, right_loop, wrong_loops
from autograder.grading.training.optimizer import OptimizerChecks
from autograder.grading.training.steady import STEADY, held, remembered, steady
from autograder.grading.training.task import Drawn, Task, as_they_are, drawn_state, log_softmax
from autograder.grading.training.validation import ValidationChecks
from autograder.grading.training.wrong_fits import around, wrong_fits

__all__ = [
    "STEADY",
    "Drawn",
    "EpochChecks",
    "FitChecks",
    "Habits",
    "OptimizerChecks",
    "Task",
    "ValidationChecks",
    "around",
    "as_they_are",
    "drawn_state",
    "held",
    "log_softmax",
    "loop",
    "remembered",
    "right_loop",
    "steady",
    "tells_apart",
    "wrong_fits",
    "wrong_loops",
]
