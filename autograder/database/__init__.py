"""Where nbgrader's gradebook lies, whether it can be used, and its tables; `autograde` writes in them."""

from autograder.database.place import Database, database_of
from autograder.database.tables import check_names, make_ready
from autograder.database.unavailable import (
    GradebookInUse,
    GradebookUnavailable,
    naming_trouble,
)

__all__ = [
    "Database",
    "GradebookInUse",
    "GradebookUnavailable",
    "check_names",
    "database_of",
    "make_ready",
    "naming_trouble",
]
