"""The command line: parses, calls one function, prints, and chooses the exit code.

Exit codes: 0 every submission has its marks; 1 a check found failures; 2 usage, or something of ours or
the course's is broken; 3 finished, but some submissions are ungraded and need staff; 4 a student has had
all trials.
"""

from autograder.cli import assignments, classes, hand_in, machines, platforms
from autograder.cli.classes import NEEDS_STAFF
from autograder.cli.group import main

__all__ = ["NEEDS_STAFF", "assignments", "classes", "hand_in", "machines", "main", "platforms"]
