"""What a course is: its folder, its settings, its assignments and their grade cells."""

from autograder.course.cells import GradeCell, SourceNotebook, read_source
from autograder.course.course import Course, find_course, load_course
from autograder.course.intake import HandIn, Unreadable, read_notebook, repair

__all__ = [
    "Course",
    "GradeCell",
    "HandIn",
    "SourceNotebook",
    "Unreadable",
    "find_course",
    "load_course",
    "read_notebook",
    "read_source",
    "repair",
]
