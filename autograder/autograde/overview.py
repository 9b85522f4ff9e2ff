"""The first page of a student's feedback, from scorecards and the gradebook: also where no notebook came."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autograder.autograde import gradebook
from autograder.autograde.records import load_card
from autograder.course import Course, SourceNotebook
from autograder.course.ids import why_unusable
from autograder.course.reading import Unreadable, read_regular
from autograder.report.feedback import PageLink
from autograder.report.overview import OVERVIEW, notebook_result, render_overview
from autograder.report.structure import title_of

_OF_EXCHANGE = ("timestamp.txt", "submission_secret.txt")  # by which nbgrader gives feedback back
_MAX_BYTES = 1000


def overview_link(course: Course, assignment: str) -> PageLink:
    """Where the first page is, beside the pages of notebooks."""
    taken = OVERVIEW.removesuffix(".html") in course.notebooks(assignment)
    return PageLink("overview.html" if taken else OVERVIEW, f"All of {assignment}")


def page_links(course: Course, assignment: str, student: str) -> dict[str, PageLink]:
    """The pages of the notebooks that a student handed in, by the notebooks' names, in order."""
    folder = course.autograded(student, assignment)
    return {
        name: PageLink(f"{name}.html", _title(source))
        for name, source in course.notebooks(assignment).items()
        if (folder / f"{name}.ipynb").is_file()
    }


def overview_page(course: Course, assignment: str, student: str) -> str:
    """The page of a whole submission, as its marks are now; empty where it was not graded.

    Raises:
        KitError: when a kept card cannot be read, or the gradebook cannot be used.
    """
    card = load_card(course, assignment, student)
    if card is None:
        return ""
    cards = {notebook.name: notebook for notebook in card.for_student().notebooks}
    kept = _kept(course, assignment, student)
    links = page_links(course, assignment, student)
    results = []
    for name, source in course.notebooks(assignment).items():
        of_gradebook = kept.get(name, _Kept())
        results.append(
            notebook_result(
                name,
                cards.get(name),
                of_gradebook.grades,
                of_gradebook.waiting,
                title=_title(source),
                max_score=sum(cell.max_score for cell in source.grade_cells),
                late_penalty=of_gradebook.late_penalty,
                page=links[name].href if name in links else "",
            )
        )
    return render_overview(results, student=student, assignment=assignment)


def write_of_empty(course: Course, assignment: str, pattern: str) -> None:
    """The first page, for the students whose submissions have no notebook and so no other page."""
    for student in course.students(assignment, pattern):
        if why_unusable(student) or page_links(course, assignment, student):
            continue
        if page := overview_page(course, assignment, student):
            folder = course.feedback(student, assignment)
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("*.html"):  # of notebooks that are not there any more
                old.unlink()
            (folder / overview_link(course, assignment).href).write_text(page, encoding="utf-8")
            for name in _OF_EXCHANGE:
                try:
                    content = read_regular(course.submitted(student, assignment) / name, _MAX_BYTES)
                except (Unreadable, OSError):  # nbgrader's exchange did not bring it
                    continue
                (folder / name).write_bytes(content)


@dataclass
class _Kept:
    """What the gradebook has on a student's notebook."""

    grades: dict[str, dict[str, Any]] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    late_penalty: float = 0.0


def _kept(course: Course, assignment: str, student: str) -> dict[str, _Kept]:
    from nbgrader.api import Grade, SubmittedAssignment, SubmittedNotebook

    kept: dict[str, _Kept] = {}
    values = (Grade.score, gradebook.waits(), SubmittedNotebook.late_submission_penalty)
    with gradebook.entry(course) as entry:
        rows = gradebook.rows_of(entry.book, assignment, Grade, *values)
        rows = rows.filter(SubmittedAssignment.student_id == student)
        for _student, notebook, name, score, waits, penalty in rows:
            one = kept.setdefault(notebook, _Kept())
            one.late_penalty = penalty or 0.0
            # What an item is worth is on its card; only a bonus that nobody handed in is on none.
            one.grades[name] = {"score": float(score or 0.0)}
            if waits:
                one.waiting.add(name)
    return kept


def _title(source: SourceNotebook) -> str:
    return title_of(source.notebook.cells) or source.name
