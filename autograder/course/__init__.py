"""What a course is: its folder, its settings, its assignments and their grade cells."""

from autograder.course.cells import GradeCell, SourceNotebook, read_source
from autograder.course.course import Course, course_at, find_course, load_course
from autograder.course.reading import Unreadable, read_notebook
from autograder.course.repairing import RepairedNotebook, repair

__all__ = [
    "Course",
    "GradeCell",
    "RepairedNotebook",
    "SourceNotebook",
    "Unreadable",
    "course_at",
    "find_course",
    "load_course",
    "read_notebook",
    "read_source",
    "repair",
]
