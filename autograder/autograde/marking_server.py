"""A server of one person's browser, on this machine alone, while `autograder mark` runs.

Its address holds a secret, and nothing is answered without it. What students wrote is shown cleaned, under a
policy that lets no script run but ours. One request at a time: the gradebook has one writer.
"""

from __future__ import annotations

import json
import secrets
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import quote, unquote

from autograder.autograde.marking import Outdated, Question, answers, questions, set_mark
from autograder.course import Course
from autograder.errors import KitError
from autograder.report.feedback import PageLink
from autograder.report.marking_page import AnswerToMark, render_marking

_MOST_BYTES = 200_000  # of a mark with its comment
_HOSTS = ("127.0.0.1", "localhost")  # the port may be another one, behind ssh


class MarkingServer(HTTPServer):
    """Serves an assignment's questions until it is told to stop.

    Raises:
        KitError: when the assignment has no question that a person marks.
        OSError: when the port is taken.
    """

    def __init__(self, course: Course, assignment: str, port: int = 0) -> None:
        self.course, self.assignment = course, assignment
        self.questions = questions(course, assignment)
        if not self.questions:
            raise KitError(f"`{assignment}` has no item that a person marks.")
        self.secret = secrets.token_urlsafe(18)
        super().__init__(("127.0.0.1", port), _Handler)

    def address(self, grade_id: str) -> str:
        """Where a question is marked."""
        return f"http://127.0.0.1:{self.server_port}/{self.secret}/{quote(grade_id, safe='')}/"

    def question(self, grade_id: str) -> Question | None:
        return next((one for one in self.questions if one.grade_id == grade_id), None)

    def page(self, question: Question, nonce: str) -> str:
        links = [
            PageLink(f"../{quote(one.grade_id, safe='')}/", one.grade_id) for one in self.questions
        ]
        place = self.questions.index(question) + 1
        found = answers(self.course, self.assignment, question)
        return render_marking(
            [
                AnswerToMark(a.student, a.key, a.cells, a.score, a.comment, a.pictures)
                for a in found
            ],
            assignment=self.assignment,
            item=question.grade_id,
            max_score=question.max_score,
            question=question.model.question,
            model=question.model.answer,
            rubric=question.model.rubric,
            model_is_code=question.model.is_code,
            others=links,
            after=links[place] if place < len(links) else None,
            nonce=nonce,
        )


class _Handler(BaseHTTPRequestHandler):
    server: MarkingServer
    timeout = 30

    def do_GET(self) -> None:
        question, rest = self._asked()
        if question is None or rest:
            self._answer(404, "text/plain", "There is no such page.")
            return
        try:
            page = self.server.page(question, secrets.token_urlsafe(12))
        except KitError as error:
            self._answer(500, "text/plain", str(error))
            return
        self._answer(200, "text/html", page)

    def do_POST(self) -> None:
        question, rest = self._asked()
        told = self.headers.get("Content-Length") or ""
        length = int(told) if told.isascii() and told.isdecimal() and len(told) < 9 else 0
        is_json = self.headers.get("Content-Type") == "application/json"
        if question is None or rest != "mark" or not is_json or not 0 < length <= _MOST_BYTES:
            self._answer(404, "application/json", '{"why": "there is no such page"}')
            return
        try:
            student, key, score, comment = _mark_of(json.loads(self.rfile.read(length)))
            where = (self.server.course, self.server.assignment, question, student)
            set_mark(*where, key, score, comment)
        except (ValueError, TypeError, KeyError):
            self._refuse(400, "this is no mark")
        except Outdated as error:
            self._refuse(409, str(error))
        except KitError as error:
            self._refuse(400, str(error))
        else:
            self._answer(200, "application/json", "{}")

    def _asked(self) -> tuple[Question | None, str]:
        """The question that is asked for, and what of it; none without the secret."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        parts = self.path.partition("?")[0].split("/")
        if host not in _HOSTS or len(parts) != 4:
            return None, ""
        if not secrets.compare_digest(parts[1].encode(), self.server.secret.encode()):
            return None, ""
        return self.server.question(unquote(parts[2])), parts[3]

    def _refuse(self, code: int, why: str) -> None:
        self._answer(code, "application/json", json.dumps({"why": why}))

    def _answer(self, code: int, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the address holds the secret."""


def _mark_of(data: Any) -> tuple[str, str, float | None, str]:
    """Student, key, points and comment of a request.

    Raises:
        ValueError, TypeError, KeyError: when it is none.
    """
    score = data["score"]
    if isinstance(score, bool) or not isinstance(score, int | float | None):
        raise TypeError("score")
    if not all(isinstance(data[name], str) for name in ("student", "key", "comment")):
        raise TypeError("text")
    points = None if score is None else float(score)
    return data["student"], data["key"], points, data["comment"]
