"""Scorecards on disk: one file a notebook, written whole or not at all."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path

from autograder.course import Course
from autograder.digest import digest
from autograder.errors import KitError
from autograder.files import StagedFile, drop_left_over
from autograder.scorecard import Scorecard, merge

log = logging.getLogger("autograder")


def stage_card(course: Course, card: Scorecard) -> StagedFile:
    """The scorecard of one notebook, to take the place of an older one."""
    folder = _folder(course, card.assignment, card.student)
    return StagedFile(folder / f"{card.notebooks[0].name}.json", card.dumps())


def cards_of(course: Course, assignment: str, student: str) -> list[Path]:
    """The files with the scorecards of a submission."""
    return sorted(_folder(course, assignment, student).glob("*.json"))


def load_card(course: Course, assignment: str, student: str) -> Scorecard | None:
    """The scorecard of a submission, or None when it was not graded.

    Raises:
        KitError: when a kept card cannot be read.
    """
    cards = []
    for path in cards_of(course, assignment, student):
        try:
            cards.append(Scorecard.from_json(json.loads(path.read_text())))
        except (ValueError, KeyError, TypeError) as error:
            raise KitError(f"{path} is damaged ({error}). Delete it and grade again.") from error
    return merge(cards) if cards else None


def graded(course: Course, assignment: str) -> list[Scorecard]:
    """The cards of a class.

    Raises:
        KitError: when nothing is graded.
    """
    cards = [load_card(course, assignment, name) for name in course.students(assignment)]
    found = [card for card in cards if card is not None]
    if not found:
        raise KitError(
            f"Nothing of `{assignment}` has been graded. Run `autograder grade {assignment}`."
        )
    return found


def mark_done(course: Course, assignment: str, student: str, inputs: str, regrade: str) -> None:
    """Note what a student's marks were made from, once they are in the gradebook.

    Args:
        regrade: the running regrade, as `begin_regrade` named it; empty where there is none.
    """
    StagedFile(_done(course, assignment, student), f"{inputs}\n{regrade}").put()


def is_done(
    course: Course,
    assignment: str,
    student: str,
    inputs: str,
    notebooks: Collection[str],
    regrade: str,
) -> bool:
    """Whether marks made from exactly this are noted, in this regrade if there is one, with all cards."""
    path = _done(course, assignment, student)
    cards = (path.with_name(f"{name}.json") for name in notebooks)
    if not path.is_file() or not all(card.is_file() for card in cards):
        return False
    noted, _, when = path.read_text().partition("\n")
    return noted == inputs and regrade in ("", when)


def was_graded(course: Course, assignment: str, student: str) -> bool:
    """Whether marks of this student's are noted, whatever they were made from."""
    return _done(course, assignment, student).is_file()


def forget_done(course: Course, assignment: str, student: str) -> None:
    """From now on a submission does not count as graded."""
    _done(course, assignment, student).unlink(missing_ok=True)


def begin_regrade(course: Course, assignment: str, pattern: str) -> tuple[str, bool]:
    """A name for a regrade of some students, and whether it is one that was stopped, and goes on."""
    path = _regrade(course, assignment, pattern)
    if path.is_file() and path.read_text():
        return path.read_text(), True
    StagedFile(path, secrets.token_hex(8)).put()
    return path.read_text(), False


def end_regrade(course: Course, assignment: str, pattern: str) -> None:
    _regrade(course, assignment, pattern).unlink(missing_ok=True)


def _regrade(course: Course, assignment: str, pattern: str) -> Path:
    return course.make_records() / f"regrade-{assignment}-{digest(pattern)[:8]}"


def begin(course: Course, assignment: str, student: str, notebooks: Collection[str]) -> None:
    """Before a submission's marks are written: from now on it does not count as graded.

    Its scorecards stay until there are new ones, but for those of notebooks that the assignment does
    not have any more.
    """
    forget_done(course, assignment, student)
    folder = _folder(course, assignment, student)
    drop_left_over(folder)
    for path in folder.glob("*.json"):
        if path.stem not in notebooks:
            path.unlink()


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
    try:
        known = json.loads(path.read_text())
    except ValueError:  # after a power cut, perhaps; a mark that a person gave is worth more
        log.warning("%s is damaged, so marks given by hand stay", path)
        return set()
    fresh = _digests(answers)
    return {name for name in {*known, *fresh} if known.get(name) != fresh.get(name)}


def stage_answers(
    course: Course, assignment: str, student: str, notebook: str, answers: Mapping[str, str]
) -> StagedFile:
    """The note which solutions the marks in the gradebook are for."""
    path = _answers(course, assignment, student, notebook)
    return StagedFile(path, json.dumps(_digests(answers)))


def _digests(answers: Mapping[str, str]) -> dict[str, str]:
    return {name: digest(text.strip()) for name, text in answers.items()}


def _answers(course: Course, assignment: str, student: str, notebook: str) -> Path:
    return _folder(course, assignment, student) / f"{notebook}.answers"


def _folder(course: Course, assignment: str, student: str) -> Path:
    return course.make_records() / "scorecards" / assignment / student


def _done(course: Course, assignment: str, student: str) -> Path:
    return _folder(course, assignment, student) / "graded"
