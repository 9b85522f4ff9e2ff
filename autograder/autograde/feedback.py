"""Feedback for a class: a page for each graded notebook, by nbgrader's generate_feedback.

Pages that are there and would come out the same are left alone: see `pages_kept`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from autograder.autograde import gradebook
from autograder.autograde.class_run import each_once
from autograder.autograde.overview import page_links, write_of_empty
from autograder.autograde.pages_kept import PagesKept
from autograder.autograde.penalties import PolicyFailed, renew_penalties
from autograder.course import Course
from autograder.course.converters import run_converter
from autograder.course.intake import find_notebooks
from autograder.errors import KitError


def write_feedback(course: Course, assignment: str, pattern: str) -> Path:
    """Write a folder of pages for every graded submission of which something has changed.

    One for each notebook, and one for all of it.

    Returns:
        where they lie, with `<student>` for the students' names.

    Raises:
        PolicyFailed: when the late policy gave no penalty for somebody; all others have their pages.
        KitError: when nbgrader stopped.
    """
    from autograder.autograde.feedback_converter import FeedbackConverter  # loads nbgrader

    failures = renew_penalties(course, assignment)
    students = course.students(assignment, pattern)
    kept = PagesKept(course, assignment)
    current = kept.current() - failures.keys()
    folders = {str(course.autograded(student, assignment)) for student in current}
    converter = partial(FeedbackConverter, folders, not failures)
    try:
        with gradebook.held_open(course, alone=False):
            write_of_empty(course, assignment, pattern)
            if not students or any(page_links(course, assignment, student) for student in students):
                run_converter(course, assignment, converter, pattern)
    except KitError as error:
        if failures:
            raise PolicyFailed(" ".join(each_once(failures.items()))) from error
        raise
    finally:
        kept.note()
    return course.feedback("<student>", assignment)


def other_names(course: Course, assignment: str, student: str, notebook: str) -> list[str]:
    """The names, besides its own, under which nbgrader's fetch_feedback looks for a notebook's page.

    It looks for the names of the files that the student handed in, not for those of the assignment.
    """
    folder = course.submitted(student, assignment)
    if (folder / f"{notebook}.ipynb").is_file():
        return []
    sources = course.notebooks(assignment)
    submitted = find_notebooks(folder, sources, course.settings.max_notebook_mib).get(notebook)
    if submitted is None or submitted.path.parent != folder or submitted.path.stem in sources:
        return []
    return [submitted.path.stem]
