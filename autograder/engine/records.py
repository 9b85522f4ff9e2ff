"""Scorecards on disk: one file a notebook, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from autograder.course import Course
from autograder.course.course import digest
from autograder.errors import KitError
from autograder.scorecard import Scorecard, merge


def save_card(course: Course, card: Scorecard) -> None:
    """Keep the scorecard of one notebook, in place of an older one."""
    folder = _folder(course, card.assignment, card.student)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{card.notebooks[0].name}.json"
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    fresh.write_text(card.dumps())
    fresh.replace(path)


def load_card(course: Course, assignment: str, student: str) -> Scorecard | None:
    """The scorecard of a hand-in, or None when it was not graded.

    Raises:
        KitError: when a kept card cannot be read.
    """
    cards = []
    for path in sorted(_folder(course, assignment, student).glob("*.json")):
        try:
            cards.append(Scorecard.from_json(json.loads(path.read_text())))
        except (ValueError, KeyError, TypeError) as error:
            raise KitError(f"{path} is damaged ({error}). Delete it and grade again.") from error
    return merge(cards) if cards else None


def mark_done(course: Course, assignment: str, student: str, inputs: str) -> None:
    """Note what a student's marks were made from, once they are in the gradebook."""
    path = _done(course, assignment, student)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(inputs)


def is_done(course: Course, assignment: str, student: str, inputs: str) -> bool:
    """Whether marks made from exactly this are in the gradebook."""
    path = _done(course, assignment, student)
    return path.is_file() and path.read_text() == inputs


def forget(course: Course, assignment: str, student: str) -> None:
    """Drop what is kept of a student's hand-in, before it is graded anew."""
    for path in _folder(course, assignment, student).glob("*.json"):
        path.unlink()
    _done(course, assignment, student).unlink(missing_ok=True)


def changed_answers(
    course: Course, assignment: str, student: str, notebook: str, answers: Mapping[str, str]
) -> set[str]:
    """The items whose solution is another than when the notebook was graded last.

    Marks that a person gave stay as long as the solution stays; they are for that solution.

    Args:
        answers: the solution's text, by the item's grade_id.
    """
    path = _answers(course, assignment, student, notebook)
    if not path.is_file():
        return set()
    known = json.loads(path.read_text())
    fresh = _digests(answers)
    return {name for name in {*known, *fresh} if known.get(name) != fresh.get(name)}


def keep_answers(
    course: Course, assignment: str, student: str, notebook: str, answers: Mapping[str, str]
) -> None:
    """Note which solutions the marks in the gradebook are for, once they are there."""
    path = _answers(course, assignment, student, notebook)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(json.dumps(_digests(answers)))


def _digests(answers: Mapping[str, str]) -> dict[str, str]:
    return {name: digest(text.strip()) for name, text in answers.items()}


def _answers(course: Course, assignment: str, student: str, notebook: str) -> Path:
    return _folder(course, assignment, student) / f"{notebook}.answers"


def _folder(course: Course, assignment: str, student: str) -> Path:
    return course.make_records() / "scorecards" / assignment / student


def _done(course: Course, assignment: str, student: str) -> Path:
    return _folder(course, assignment, student) / "graded"
