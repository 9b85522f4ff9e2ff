"""The only place where marks are written, whichever door a submission came through."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from autograder.autograde import gradebook
from autograder.autograde.records import changed_answers, stage_answers, stage_card
from autograder.course import Course
from autograder.errors import KitError
from autograder.scorecard import Item, Scorecard, Verdict, counted


def write_marks(
    course: Course,
    card: Scorecard,
    answers: Mapping[str, str] | None,
    untouched: Collection[str] = (),
) -> Scorecard:
    """Write the marks of one notebook into the gradebook, hints into its comments, and keep its card.

    Only `auto_score`, `auto_comment` and `needs_manual_grade` are written; a mark or a comment that
    a person gave stays, unless the mark was for an older submission with another solution. An item that
    is `ungraded` gets no score and waits for a person. The penalty for a late submission is nbgrader's
    and is written after this; until then there is none.

    Args:
        card: of one notebook.
        answers: the solutions' texts by their items' grade_ids; None where they are not known, as after a
            failure of ours or for a file that cannot be read. Then no mark of a person's goes, and
            every row waits for one.
        untouched: written answers that are as they were released, with no work beside them: 0 points.

    Returns:
        the card as it was kept: it says which marks of a person's went.

    Raises:
        KitError: when the gradebook knows other points than the source.
    """
    (notebook,) = card.notebooks
    where = (notebook.name, card.assignment, card.student)
    record = (course, card.assignment, card.student, notebook.name)
    stale = set() if answers is None else changed_answers(*record, answers)
    solutions = {
        cell.grade_id: cell.solution
        for cell in course.notebooks(card.assignment)[notebook.name].grade_cells
    }
    taken_back = []
    hints: dict[str, list[str]] = {}  # by solution, which may have several items
    with gradebook.entry(course) as writing:
        submitted, grades, comments = gradebook.rows_of_notebook(writing.book, *where)
        submitted.late_submission_penalty = None
        for item in notebook.items if answers is not None else ():
            grade = _checked(grades.pop(item.grade_id, None), item, where)
            taken_back += _take_back(grade, stale)
            is_untouched = item.manual and item.grade_id in untouched
            _set(grade, 0.0 if is_untouched else item.score)
            if not item.bonus:  # which is for no solution
                hint = "No response." if is_untouched else comment_text(item)
                said = hints.setdefault(solutions.get(item.grade_id, ""), [])
                said += [hint] if hint else []
        for name in hints.keys() & comments.keys():
            comments[name].auto_comment = "\n\n".join(hints[name]) or None
        for _, grade in sorted(grades.items()):
            if answers is None:
                _set(grade, None)
            elif grade.max_score == 0:  # a bonus for which nothing was handed in
                taken_back += _take_back(grade, stale)
                _set(grade, 0.0)
        writing.book.db.commit()
        card = card.with_repairs(taken_back)
        writing.keep(stage_card(course, card))
        if answers is not None:
            writing.keep(stage_answers(*record, answers))
    return card


def comment_text(item: Item) -> str | None:
    """What the student reads under an item's solution; None where there is nothing to say."""
    if item.verdict in (None, Verdict.PASSED, Verdict.UNGRADED):
        return None
    # No text in PostgreSQL holds a NUL, and a student's own message can have one.
    return item.hint.replace("\0", "\N{REPLACEMENT CHARACTER}") or None


def _set(grade: Any, score: float | None) -> None:
    grade.auto_score = score
    grade.needs_manual_grade = score is None or grade.manual_score is not None


def _take_back(grade: Any, stale: Collection[str]) -> list[str]:
    """Drop a mark that a person gave to an older submission, and say so."""
    if grade.manual_score is None or grade.name not in stale:
        return []
    mark, grade.manual_score = grade.manual_score, None
    return [
        f"`{grade.name}` had {counted(mark, 'point')} by hand, for an older submission; taken back"
    ]


def _checked(grade: Any, item: Item, where: tuple[str, str, str]) -> Any:
    """A row of the gradebook, if it is for as many points as the source says."""
    if grade is None or grade.max_score != item.worth:
        known = "is not there" if grade is None else f"has {counted(grade.max_score, 'point')}"
        raise KitError(
            f"`{item.grade_id}` has {counted(item.worth, 'point')} in the source of {where[1]}, "
            f"{where[0]}.ipynb, but in the gradebook it {known}. Run `autograder release {where[1]}`."
        )
    return grade
