"""How a submission is judged: what the author of a hidden grader imports.

A hidden grader is ordinary pytest in two halves. A `probe` runs in the box, beside the student's
names, and returns plain data; a test marked with `graded` runs here, on that data alone.
"""

from autograder.errors import StudentRaised
from autograder.grading.bonus_file import BonusFile
from autograder.grading.compare import (
    Explained,
    Mismatch,
    as_array,
    describe,
    expect,
    expect_close,
    expect_differs,
    expect_equal,
    expect_finite,
    expect_shape,
    expect_type,
    relative_difference,
)
from autograder.grading.device import Device
from autograder.grading.graded import bonus, graded
from autograder.grading.probe import Probe, probe
from autograder.grading.replies import (
    Floats,
    fields,
    flag,
    likely_mistake,
    real,
    sequence,
    updates,
    vector,
    whole,
)
from autograder.grading.student import Challenge, Student

__all__ = [
    "BonusFile",
    "Challenge",
    "Device",
    "Explained",
    "Floats",
    "Mismatch",
    "Probe",
    "Student",
    "StudentRaised",
    "as_array",
    "bonus",
    "describe",
    "expect",
    "expect_close",
    "expect_differs",
    "expect_equal",
    "expect_finite",
    "expect_shape",
    "expect_type",
    "fields",
    "flag",
    "graded",
    "likely_mistake",
    "probe",
    "real",
    "relative_difference",
    "sequence",
    "updates",
    "vector",
    "whole",
]
