"""The preprocessors that make and keep the marks, in the place of nbgrader's Execute and SaveAutoGrades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.autograde import gradebook
from autograder.autograde.records import changed_answers, forget_done, stage_answers, stage_card
from autograder.course import course_at, find_course
from autograder.errors import KitError
from autograder.judge.service import judge_service
from autograder.judge.submission import ReadNotebook, make_job
from autograder.nbgrader_plugin.exporter import METADATA
from autograder.scorecard import Item, Scorecard, Verdict

_CARD = "autograder_card"  # where the card travels from Judge to SaveAutoGrades
_BONUS_FILES = "autograder_bonus_files"  # and what was handed in for bonus items


class Judge(NbGraderPreprocessor):  # type: ignore[misc]
    """Has the notebook judged, in a box and by the hidden tests, and puts its outputs in."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        about = resources["nbgrader"]
        course = course_at(find_course(Path.cwd()))
        source = course.notebooks(about["assignment"])[about["notebook"]]
        folder = course.submitted(about["student"], about["assignment"])
        taken = ReadNotebook(nb, **nb.metadata.pop(METADATA, {}))
        job = make_job(course, about["assignment"], about["student"], source, taken, folder)
        judgement = judge_service().result(job)
        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        for number, (cell, outputs) in enumerate(zip(code, judgement.outputs, strict=True), 1):
            cell.outputs = [NotebookNode(output) for output in outputs]
            cell.execution_count = number
        resources[_CARD] = judgement.card
        resources[_BONUS_FILES] = {one.bonus.grade_id: one.digest for one in job.bonus_files}
        return nb, resources


class SaveAutoGrades(NbGraderPreprocessor):  # type: ignore[misc]
    """Writes the marks of a judged notebook into the gradebook, and hints into its comments.

    Only `auto_score`, `auto_comment` and `needs_manual_grade` are written; a mark or a comment that
    a person gave stays, unless the mark was for an older submission with another solution. An item that
    is `ungraded` gets no score and waits for a person.
    """

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        about = resources["nbgrader"]
        card: Scorecard = resources.pop(_CARD)
        bonus_files: dict[str, str] = resources.pop(_BONUS_FILES)
        cells = {
            cell.metadata.nbgrader["grade_id"]: cell
            for cell in nb.cells
            if cell.metadata.get("nbgrader", {}).get("grade_id")
        }
        where = (about["notebook"], about["assignment"], about["student"])
        solution = None
        solutions = {}
        for grade_id, cell in cells.items():
            solution = grade_id if utils.is_solution(cell) else solution
            solutions[grade_id] = solution
        answers = {
            item.grade_id: cells[solutions[item.grade_id] or item.grade_id].source
            for item in card.items
        } | bonus_files
        course = course_at(find_course(Path.cwd()))
        record = (course, about["assignment"], about["student"], about["notebook"], answers)
        forget_done(
            course, about["assignment"], about["student"]
        )  # until a whole submission is written
        stale = changed_answers(*record)
        said = []
        with gradebook.entry(course) as writing:
            grades, comments = gradebook.rows_of(writing.book, *where)
            for item in card.items:
                grade = _checked(grades.get(item.grade_id), item, where)
                said += gradebook.take_back(grade, stale)
                untouched = item.manual and _is_untouched(cells.get(item.grade_id))
                grade.auto_score = 0.0 if untouched else item.score
                grade.needs_manual_grade = (
                    grade.manual_score is not None or grade.auto_score is None
                )
                comment = comments.get(solutions.get(item.grade_id) or "")
                if comment is not None and not item.bonus:  # which is for no solution
                    comment.auto_comment = "No response." if untouched else comment_text(item)
            said += gradebook.reset_bonus(grades, card.items, stale)
            writing.book.db.commit()
            writing.keep(stage_card(course, card.with_repairs(said)))
            writing.keep(stage_answers(*record))
        return nb, resources


def _checked(grade: Any, item: Item, where: tuple[str, str, str]) -> Any:
    """A row of the gradebook, if it is for as many points as the source says."""
    if grade is None or grade.max_score != item.worth:
        known = "is not there" if grade is None else f"has {grade.max_score:g} points"
        raise KitError(
            f"`{item.grade_id}` has {item.worth:g} points in source/{where[1]}/{where[0]}.ipynb, "
            f"but in the gradebook it {known}. Run `autograder release {where[1]}`."
        )
    return grade


def comment_text(item: Item) -> str | None:
    """What the student reads under an item's solution; None where there is nothing to say."""
    if item.verdict in (None, Verdict.PASSED, Verdict.UNGRADED):
        return None
    return item.hint or None


def _is_untouched(cell: NotebookNode | None) -> bool:
    return cell is not None and cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(
        cell
    )
