"""Marks into Canvas through its API: what would change is found first, and sent only if that is asked for.

Only marks that differ go out, in one request that Canvas works off by itself; then they are read back, since
it reports no single failure. A mark of somebody who is excused stays. Needs `canvasapi`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from autograder.errors import KitError
from autograder.lms.marksheets import Mark, Told, with_places
from autograder.lms.titles import Person

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "CANVAS_API_TOKEN"
_ASSIGNMENT = re.compile(r"(/.*)?/courses/(\d+)/assignments/(\d+)(/.*)?")
_PAGE = 100
_PATIENCE_S = 300.0
_PAUSE_S = 1.0


@dataclass(frozen=True)
class Change:
    """A mark that Canvas would get: `before` is None where it has none."""

    student: str
    user: int
    before: float | None
    after: float


@dataclass
class Plan(Told):
    """What would be sent, and who is left out."""

    changes: list[Change] = field(default_factory=list)


class CanvasAssignment:
    """An assignment of Canvas, by the address that a browser shows."""

    def __init__(self, url: str) -> None:
        """Find the assignment.

        Raises:
            KitError: when the address is none of an assignment, or there is no token, or Canvas refuses it.
        """
        parts = urlsplit(url)
        found = _ASSIGNMENT.fullmatch(parts.path)
        local = parts.hostname in ("localhost", "127.0.0.1")
        if found is None or parts.scheme not in ("https", "http" if local else "https"):
            raise KitError(
                f"{url} is no assignment of Canvas. Copy the address of its page, as in "
                "https://canvas.example.edu/courses/12/assignments/34."
            )
        token = os.environ.get(TOKEN, "")
        if not token:
            raise KitError(
                "There is no token for Canvas. Make one there (Account, Settings, New access token), and put "
                f"it into the environment as {TOKEN}; never into the course's folder."
            )
        try:
            from canvasapi import Canvas
        except ImportError as error:
            raise KitError("This needs canvasapi: pip install 'autograder-kit[canvas]'.") from error
        with _in_words():
            canvas = Canvas(f"{parts.scheme}://{parts.netloc}{found[1] or ''}", token)
            course = canvas.get_course(int(found[2]), use_sis_id=False)
            self._assignment: Any = course.get_assignment(int(found[3]))
        self.name = str(self._assignment.name)

    def plan(self, marks: Sequence[Mark]) -> Plan:
        """What the marks would change."""
        made = Plan()
        with _in_words():
            rows = dict(
                enumerate(self._assignment.get_submissions(include=["user"], per_page=_PAGE))
            )
        people = {at: _person(row) for at, row in rows.items()}
        most = getattr(self._assignment, "points_possible", None)
        for at, mark, points in with_places(marks, people, made, lambda one: one.name):
            if getattr(rows[at], "excused", False):
                made.notes.append(f"{mark.student}: excused in Canvas, and left as it is")
                continue
            before, after = rows[at].score, round(points, 2)
            if most is not None and after > most:
                made.notes.append(
                    f"{mark.student}: {after:.12g} is above the maximum there, {most:.12g}"
                )
            if before is not None and round(before, 2) == after:
                made.unchanged.append(mark.student)
            else:
                made.changes.append(Change(mark.student, int(rows[at].user_id), before, after))
        return made

    def send(
        self, changes: Sequence[Change], sleep: Callable[[float], None] = time.sleep
    ) -> list[str]:
        """Send the marks, wait until Canvas has worked them off, and read them back.

        Returns:
            whose mark is not there afterwards.

        Raises:
            KitError: when Canvas refuses, or is not done in five minutes.
        """
        if not changes:
            return []
        data = {change.user: {"posted_grade": f"{change.after:.12g}"} for change in changes}
        with _in_words():
            progress = self._assignment.submissions_bulk_update(grade_data=data)
            for _ in range(int(_PATIENCE_S / _PAUSE_S)):
                if progress.workflow_state in ("completed", "failed"):
                    break
                sleep(_PAUSE_S)
                progress = progress.query()
            if progress.workflow_state not in ("completed", "failed"):
                raise KitError(
                    "Canvas has not worked off the marks in five minutes. Give the command again later: it "
                    "sends only what is not there."
                )
            scores = {
                row.user_id: row.score for row in self._assignment.get_submissions(per_page=_PAGE)
            }
        return [one.student for one in changes if scores.get(one.user) != one.after]


def _person(row: Any) -> Person:
    user = getattr(row, "user", None) or {}
    fields = {
        "id": str(row.user_id),
        "login": user.get("login_id"),
        "number": user.get("sis_user_id"),
        "email": user.get("email"),
        "name": user.get("sortable_name") or user.get("name"),
    }
    return Person({name: str(text) for name, text in fields.items() if text})


@contextmanager
def _in_words() -> Iterator[None]:
    """What Canvas or the network says, in one sentence; a token is in none of it.

    Raises:
        KitError: in the place of canvasapi's and requests' errors.
    """
    from canvasapi.exceptions import CanvasException, InvalidAccessToken, ResourceDoesNotExist
    from requests import RequestException

    try:
        yield
    except InvalidAccessToken as error:
        raise KitError(
            f"Canvas does not take the token in {TOKEN}. Make a new one there."
        ) from error
    except ResourceDoesNotExist as error:
        raise KitError(
            "Canvas knows no such course or assignment, or does not show it to you."
        ) from error
    except CanvasException as error:
        raise KitError(f"Canvas refused: {error}. Nothing more was sent.") from error
    except RequestException as error:
        raise KitError(
            f"Canvas could not be reached ({type(error).__name__}). Try again later."
        ) from error
