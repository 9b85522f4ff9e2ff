"""Notebooks and cards for the tests of the report."""

from __future__ import annotations

import base64
import io
from typing import Any

from nbformat import NotebookNode, v4
from PIL import Image

from autograder.scorecard import Check, Item, NotebookCard, Scorecard, Verdict


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), **options: Any) -> str:
    """A small picture in base64."""
    content = io.BytesIO()
    Image.new("RGB", size, "red").save(content, kind, **options)
    return base64.b64encode(content.getvalue()).decode()


def about(grade_id: str, **fields: Any) -> dict[str, Any]:
    """A cell's metadata, as GetGrades leaves it."""
    base = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    return {"nbgrader": {"grade_id": grade_id, **base, **fields}}


def code(source: str, outputs: list[NotebookNode] | None = None, **metadata: Any) -> NotebookNode:
    return v4.new_code_cell(source, outputs=outputs or [], metadata=metadata)


def text(source: str, **metadata: Any) -> NotebookNode:
    return v4.new_markdown_cell(source, metadata=metadata)


def solution(source: str, outputs: list[NotebookNode] | None = None, **fields: Any) -> NotebookNode:
    return code(source, outputs, **about("head", solution=True, **fields))


def check_cell(
    source: str = "assert head", score: float = 6.0, points: float = 10.0
) -> NotebookNode:
    return code(source, **about("head_tests", grade=True, locked=True, score=score, points=points))


def essay(source: str, score: float = 0.0, comment: str = "") -> NotebookNode:
    fields = {"grade": True, "solution": True, "score": score, "points": 4.0, "comment": comment}
    return text(source, **about("why", **fields))


def checks(*verdicts: Verdict) -> tuple[Check, ...]:
    return tuple(
        Check(
            name=f"test_secret_name_{number}",
            title=f"Title {number}",
            verdict=verdict,
            message=f"Message {number}.",
            hint=f"Hint {number}?",
            staff_detail="Traceback: the hidden value is 271828",
        )
        for number, verdict in enumerate(verdicts)
    )


def item(*verdicts: Verdict, grade_id: str = "head_tests", max_score: float = 10.0) -> Item:
    return Item(grade_id, max_score, checks=checks(*verdicts))


WRITTEN = Item("why", 4.0, manual=True)


def notebook_card(*items: Item, name: str = "1_data", reason: str | None = None) -> NotebookCard:
    return NotebookCard(name, items, reason)


def scorecard(student: str, *notebooks: NotebookCard) -> Scorecard:
    return Scorecard("vgg16", student, notebooks)
