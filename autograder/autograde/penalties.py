"""Late penalties: what a course's policy takes off, from the marks as they stand.

nbgrader makes a penalty while it autogrades, when nobody has marked by hand yet. A share of the points, or
all of them, is then less than it should be once a person has marked, unless the submission happens to be
regraded. So a penalty is made again, from the gradebook's rows and without judging anything, wherever marks
go out: at the end of `autograder grade`, and before feedback and exports, nbgrader's own among them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from traitlets.utils.importstring import import_item

from autograder.autograde import gradebook
from autograder.autograde.timestamps import submitted_at
from autograder.course import Course
from autograder.errors import KitError
from autograder.report.table import Lateness


class PolicyFailed(KitError):
    """The course's late policy raised, or gave what is no penalty."""


def renew_penalties(course: Course, assignment: str) -> dict[str, str]:
    """Make the penalties of all submissions of an assignment again.

    Returns:
        by student, why the course's policy gave no penalty; there the older one stays.
    """
    with gradebook.entry(course) as writing:
        return renew_in(writing.book, course.config, assignment)


def renew_in(book: Any, config: Any, assignment: str) -> dict[str, str]:
    """`renew_penalties`, in a gradebook that is open; whoever has opened it commits."""
    from nbgrader.api import Assignment, SubmittedAssignment, SubmittedNotebook
    from sqlalchemy import or_

    policy = policy_of(config)
    if policy is None:
        return {}
    may_be_late = or_(
        SubmittedAssignment.timestamp > Assignment.duedate,
        SubmittedAssignment.extension.isnot(None),
        SubmittedNotebook.late_submission_penalty.isnot(None),
    )
    notebooks = (
        book.db.query(SubmittedNotebook)
        .join(SubmittedNotebook.assignment)
        .join(SubmittedAssignment.assignment)
        .filter(Assignment.name == assignment, may_be_late)
    )
    failures = {}
    for notebook in notebooks.all():
        try:
            set_penalty(policy, notebook)
        except PolicyFailed as failure:
            failures[notebook.assignment.student_id] = str(failure)
    return failures


def policy_of(config: Any) -> Any:
    """nbgrader's AssignLatePenalties as the course has it; None where it is not among its preprocessors."""
    from nbgrader.preprocessors import AssignLatePenalties

    for named in config.Autograde.get("autograde_preprocessors", []):
        kind = import_item(named) if isinstance(named, str) else named
        if isinstance(kind, type) and issubclass(kind, AssignLatePenalties):
            policy = kind(config=config)
            policy.init_plugin()
            return policy
    return None


def set_penalty(policy: Any, notebook: Any) -> None:
    """Write the penalty of a submitted notebook into its row.

    Raises:
        PolicyFailed: when the policy does not give one.
    """
    student = notebook.assignment.student_id
    late_s = seconds_late(notebook.assignment)
    score = notebook.score  # here, for a gradebook that cannot be read is no fault of the policy's
    penalty = None
    if late_s > 0:
        try:
            plugin = policy.plugin_inst
            penalty = plugin.late_submission_penalty(student, score, late_s)
            if penalty is not None:
                penalty = float(policy._check_late_penalty(notebook, penalty))
            failure = "" if penalty is None or math.isfinite(penalty) else f"it gave {penalty}"
        except Exception as error:
            raise PolicyFailed(_failed(policy, f"{type(error).__name__}: {error}")) from error
        if failure:
            raise PolicyFailed(_failed(policy, failure))
    if notebook.late_submission_penalty != penalty:
        notebook.late_submission_penalty = penalty


def seconds_late(submission: Any) -> float:
    """How late a submission was; nbgrader's own sum fails for an extension of what is never due."""
    return 0.0 if submission.assignment.duedate is None else float(submission.total_seconds_late)


def lateness(course: Course, assignment: str) -> dict[str, Lateness]:
    """When everybody handed in, and what is taken off for it, by student; penalties are made again first."""
    failures = renew_penalties(course, assignment)
    with gradebook.open_gradebook(course) as book:
        return {
            submission.student_id: Lateness(
                submitted=submission.timestamp,
                extension_s=submission.extension.total_seconds() if submission.extension else 0.0,
                seconds_late=seconds_late(submission),
                penalties={
                    notebook.name: notebook.late_submission_penalty
                    for notebook in submission.notebooks
                    if notebook.late_submission_penalty
                },
                doubt=_doubt(course, assignment, submission.student_id, failures),
            )
            for submission in book.assignment_submissions(assignment)
        }


def _doubt(course: Course, assignment: str, student: str, failures: Mapping[str, str]) -> str:
    failure = f"{student}: {failures[student]}" if student in failures else ""
    note = submitted_at(course, course.submitted(student, assignment)).note
    return " ".join(text for text in (note, failure) if text)


def _failed(policy: Any, why: str) -> str:
    name = type(policy.plugin_inst).__name__
    return f"the late policy {name} gave no penalty: {why}. Correct it, and give the same command again."
