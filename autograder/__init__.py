"""An autograder and assignment kit for deep-learning courses, on top of nbgrader."""

__version__ = "0.1.0"
