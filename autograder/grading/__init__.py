"""How a submission is judged: what the author of a hidden grader imports.

A hidden grader is ordinary pytest in two halves. A `probe` runs in the box, beside the student's
names, and returns plain data; a test marked with `graded` runs here, on that data alone.
"""

from autograder.errors import StudentRaised
from autograder.grading.bonus_file import BonusFile
from autograder.grading.compare import (
    Mismatch,
    expect,
    expect_close,
    expect_differs,
    expect_equal,
    expect_shape,
    expect_type,
    relative_difference,
)
from autograder.grading.device import Device
from autograder.grading.graded import bonus, graded
from autograder.grading.probe import Probe, probe
from autograder.grading.student import Challenge, Student

__all__ = [
    "BonusFile",
    "Challenge",
    "Device",
    "Mismatch",
    "Probe",
    "Student",
    "StudentRaised",
    "bonus",
    "expect",
    "expect_close",
    "expect_differs",
    "expect_equal",
    "expect_shape",
    "expect_type",
    "graded",
    "probe",
    "relative_difference",
]
