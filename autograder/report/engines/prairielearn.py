"""PrairieLearn's `results.json`, as docs/externalGrading.md there describes it.

`score` is a part of 1, and the question's own points are multiplied by it. A submission with an ungraded
item is `gradable: false`: PrairieLearn gives no points, takes none and counts no attempt. Messages are
shown to students, all of them; PrairieLearn makes text of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from autograder.report.engines.rows import MOST_TEXT, NOT_JUDGED, State, about, cut, part, rows
from autograder.scorecard import Scorecard, points_text

MOST_BYTES = 1_000_000  # of the file; PrairieLearn takes 1 MB


def to_prairielearn(card: Scorecard, _environment: Mapping[str, str]) -> str:
    """The text of `results.json`, below PrairieLearn's limit."""
    if card.reasons:
        return _dumps({"gradable": False, "format_errors": [NOT_JUDGED]})
    for most in (MOST_TEXT, MOST_TEXT // 10, 40):
        text = _dumps(_results(card, most))
        if len(text.encode()) < MOST_BYTES:
            break
    return text


def _results(card: Scorecard, most: int) -> dict[str, Any]:
    found = rows(card, most)
    return {
        "gradable": True,
        "score": round(part(found), 9),
        "message": cut(about(card), most),
        "tests": [
            {
                "name": f"{row.notebook}: {row.grade_id}",
                "description": f"A bonus of up to {points_text(row.max_score)}"
                if row.bonus
                else "",
                "points": row.score,
                # A bonus is nothing that can be asked for; of 0 points PrairieLearn draws it neutral.
                "max_points": 0 if row.bonus else row.max_score,
                "output": row.text,
            }
            for row in found
            if row.state is State.JUDGED
        ],
    }


def _dumps(results: dict[str, Any]) -> str:
    return json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
