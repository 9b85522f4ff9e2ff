"""nbgrader's generate_feedback with the kit's own page."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.converters import GenerateFeedback
from nbgrader.preprocessors import GetGrades

from autograder.autograde import gradebook
from autograder.autograde.feedback import other_names
from autograder.autograde.overview import overview_link, overview_page, page_links
from autograder.autograde.records import load_card
from autograder.autograde.timestamps import submitted_at
from autograder.course import course_at, find_course
from autograder.report.feedback import render_feedback


class FeedbackExporter(Exporter):  # type: ignore[misc]
    """One self-contained HTML page for an autograded notebook."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.optimistic_validation = True  # once, after all preprocessors; nbconvert's own setting
        if isinstance(self.parent, GenerateFeedback):
            # Without --force it makes pages again where a submission is newer than its page.
            directory = self.parent.coursedir
            directory.get_existing_timestamp = _submitted_at

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **kwargs: Any
    ) -> tuple[str, dict[str, Any]]:
        notebook, found = super().from_notebook_node(nb, resources, **kwargs)
        about = found["nbgrader"]
        course = course_at(find_course(Path.cwd()))
        card = load_card(course, about["assignment"], about["student"])
        notebooks = card.for_student().notebooks if card else ()
        where = (about["assignment"], about["student"], about["notebook"])
        links = page_links(course, *where[:2])
        names = list(links)
        at = names.index(where[2]) if where[2] in links else len(names)
        overview = overview_link(course, about["assignment"])
        page = render_feedback(
            notebook,
            next((entry for entry in notebooks if entry.name == about["notebook"]), None),
            student=about["student"],
            assignment=about["assignment"],
            score=about["score"],
            max_score=about["max_score"],
            for_students=course.markers.for_students,
            late_penalty=about["late_penalty"],
            waiting=about["waiting"],
            overview=overview,
            before=links[names[at - 1]] if 0 < at < len(names) else None,
            after=links[names[at + 1]] if at + 1 < len(names) else None,
        )
        # Written beside the page by nbconvert: nbgrader's fetch_feedback asks for the submitted name.
        found["outputs"] = {f"{name}.html": page.encode() for name in other_names(course, *where)}
        if at + 1 >= len(names):  # the last one: once a submission
            found["outputs"][overview.href] = overview_page(course, *where[:2]).encode()
        return page, found


def _submitted_at(folder: str) -> datetime | None:
    """When a folder was handed in, in the place of nbgrader's own reading."""
    return submitted_at(course_at(find_course(Path.cwd())), Path(folder)).utc


class Grades(GetGrades):  # type: ignore[misc]
    """nbgrader's GetGrades, with a notebook's rows at once, and from a gradebook that is open already.

    It opens one for each notebook and asks for each cell, which for a class takes longer than its pages.
    """

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        about = resources["nbgrader"]
        where = (about["notebook"], about["assignment"], about["student"])
        with gradebook.entry(course_at(find_course(Path.cwd()))) as entry:
            found, grades, comments = gradebook.rows_of_notebook(entry.book, *where)
            about["late_penalty"] = found.late_submission_penalty or 0
            about["score"] = found.score - about["late_penalty"]
            about["max_score"] = found.max_score
            # One that a person has marked is open for a second look after a regrade, but its mark counts as
            # it stands. Of one that waits for a first mark, nbgrader says 0.
            about["waiting"] = {
                name
                for name, grade in grades.items()
                if grade.needs_manual_grade and grade.manual_score is None
            }
            for cell in nb.cells:
                marked = cell.metadata.get("nbgrader", {})
                task = utils.is_task(cell)
                if utils.is_solution(cell) or task:
                    marked["comment"] = comments[marked["grade_id"]].comment
                if utils.is_grade(cell) or task:
                    grade = grades[marked["grade_id"]]
                    marked["score"], marked["points"] = grade.score, grade.max_score
        return nb, resources
