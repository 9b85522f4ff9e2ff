"""One notebook to be judged, and what comes of it: the two things that pass between processes."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from autograder.course import Course, course_at
from autograder.course.bonus import SubmittedFile
from autograder.digest import digest
from autograder.scorecard import Scorecard


@dataclass(frozen=True)
class Job:
    """Everything that the marks of one submitted notebook depend on, besides the course."""

    course: Path
    assignment: str
    notebook: str
    student: str
    cells: tuple[str, ...]
    files: tuple[tuple[str, bytes], ...] = ()
    repairs: tuple[str, ...] = ()
    unreadable: str = ""
    bonus_files: tuple[
        SubmittedFile, ...
    ] = ()  # for bonus items; the judge reads them where they lie
    grade_ids: tuple[str, ...] = ()  # of the cells; "" for a student's own
    stubs: tuple[str, ...] = ()  # what students were given there to fill in; "" where nothing
    # By code cell, all of its tests where they decide on its points; else None.
    tests: tuple[str | None, ...] = ()
    only: tuple[str, ...] = ()  # grade_ids of the items to judge; all where it is empty
    draw: str = ""  # of a trial: its challenges are others than those of the marks

    @cached_property
    def content(self) -> str:
        """A digest of what is judged: the same for the same work, whoever hands it in and when.

        Challenges are drawn from it, so `grade_ids`, `stubs` and `tests` are not in it: they change
        nothing in what is asked.
        """
        files = [part for name, content in self.files for part in (name, content)]
        return digest(self.assignment, self.notebook, self.unreadable, *self.cells, *files)

    def secret(self, of_course: bytes) -> bytes:
        """What challenges are drawn from: the course's secret, or for a trial one made of it."""
        if not self.draw:
            return of_course
        return hmac.new(of_course, b"a trial\0" + self.draw.encode(), "sha256").hexdigest().encode()

    def is_asked(self, grade_id: str) -> bool:
        return not self.only or grade_id in self.only

    @cached_property
    def places(self) -> dict[str, int]:
        """The numbers of the code cells, by grade_id."""
        return {grade_id: number for number, grade_id in enumerate(self.grade_ids) if grade_id}

    @cached_property
    def in_notebook(self) -> frozenset[str]:
        """The grade_ids of the items that are judged by the tests in their own cells."""
        pairs = zip(self.grade_ids, self.tests, strict=False)
        return frozenset(grade_id for grade_id, text in pairs if text is not None)


@dataclass(frozen=True)
class Judgement:
    """The scorecard of a notebook, and what its code cells showed, in order."""

    card: Scorecard
    outputs: tuple[list[dict[str, Any]], ...]


def course_of(job: Job) -> Course:
    """The course of a job, read again only when its configuration has changed.

    Raises:
        KitError: when it cannot be read.
    """
    return course_at(job.course)
