"""Feedback as a zip that a platform hands out to students by itself, each file to its student.

Moodle takes files into `{name}_{participant}_assignfeedback_file_/` and shows them by their names. Canvas
knows a student by two numbers in the name of the file that was downloaded, and shows what comes back under
the name of the student's own file: so it gets a notebook for each notebook, with the feedback as text in it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence

from autograder.scorecard import Item, NotebookCard, Verdict, points_text


def moodle_path(who: str, participant: str, page: str) -> str:
    """The path by which Moodle finds a student: four parts between underscores, none in the name."""
    name = re.sub(r"[_/\\]+", " ", who).strip() or "Participant"
    return f"{name}_{participant}_assignfeedback_file_/{page}"


def canvas_notebook(card: NotebookCard) -> bytes:
    """A notebook that holds the feedback on one: a cell of text for each item, and nothing that runs."""
    head = f"# Feedback: {_text(card.name)}\n\n{_points(card.items)}"
    if card.reason:
        head += f"\n\n{_text(card.reason)}"
    texts = [head, *(_item(item) for item in card.items)]
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {"cell_type": "markdown", "id": f"feedback-{n}", "metadata": {}, "source": text}
            for n, text in enumerate(texts)
        ],
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False).encode("utf-8", "replace")


def _points(items: Sequence[Item]) -> str:
    known = [item for item in items if item.score is not None]
    got, most = (sum(v) for v in ([i.score or 0.0 for i in known], [i.worth for i in known]))
    waits = len(items) - len(known)
    later = f"; {waits} of {len(items)} items wait for a person" if waits else ""
    return f"{points_text(got)} of {points_text(most)} points{later}."


def _item(item: Item) -> str:
    points = (
        "waits" if item.score is None else f"{points_text(item.score)} of {points_text(item.worth)}"
    )
    lines = [f"## {_text(item.grade_id)}: {points}"]
    for check in item.checks:
        sign = "✓" if check.verdict is Verdict.PASSED else "✗"
        if check.verdict is not Verdict.UNGRADED:
            said = "" if sign == "✓" else f" {check.message} {check.hint}".rstrip()
            lines.append(f"- {sign} {_text(check.title)}{_text(said)}")
    return "\n\n".join([lines[0], "\n".join(lines[1:])]).strip()


def _text(text: str) -> str:
    """Text as Markdown shows it literally: no HTML, no formulas, no links."""
    return re.sub(r"([\\`*_\[\]$#|~])", r"\\\1", html.escape(" ".join(text.split()), quote=False))
