"""INGInious: what the functions of its `inginious_container_api.feedback` are to be called with.

The keys and types are those that its agent accepts (inginious 0.9.2, agent/docker_agent). `text` is
reStructuredText there, which can hold raw HTML: so what a student reads is one literal block.

An ungraded submission is a `crash`, without a grade. INGInious stores 0 beside every crash; a task with
`evaluate: best` keeps what the student had before, and staff can have crashes run again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from autograder.report.engines.rows import NOT_JUDGED, about, part, plain, rows
from autograder.scorecard import Scorecard, points_text


def to_inginious(card: Scorecard, _environment: Mapping[str, str]) -> str:
    """An object with `result`, `text` and, where all was judged, `grade` in percent."""
    found: dict[str, Any] = {"result": "crash", "text": _literal(NOT_JUDGED)}
    if not card.reasons:
        items = rows(card)
        reached = part(items)
        said = [about(card)]
        for row in items:
            points = "" if row.score is None else f" ({_points(row.score, row.max_score)})"
            said += ["", f"{row.notebook}: {row.grade_id}{points}", row.text]
        found = {
            "result": "success" if reached == 1.0 else "failed",
            "grade": round(100.0 * reached, 6),
            "text": _literal("\n".join(said)),
        }
    return json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _points(score: float, of: float) -> str:
    return f"{points_text(score)} of {points_text(of)}"


def _literal(text: str) -> str:
    """A block that reStructuredText leaves alone, whatever is in it."""
    return "::\n\n" + "".join(f"    {line}\n" for line in plain(text).splitlines())
