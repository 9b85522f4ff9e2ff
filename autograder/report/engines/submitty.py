"""Submitty: for each item what a custom validator of its own writes into `validation_results.json`.

Described in Submitty's "Python Custom Validation"; read by `dispatch::custom_doit` in its
grading/dispatch.cpp. One object with an entry an item, by name: each testcase's validator takes its own.

Submitty has numbers from 0 to 1 and nothing beside them: where a validator reports a failure it notes it
for staff, tells the student so, and counts 0 until the submission is graded again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from autograder.report.engines.rows import Row, State, rows
from autograder.scorecard import Scorecard


def to_submitty(card: Scorecard, _environment: Mapping[str, str]) -> str:
    """The object; what waits for a person is no testcase and not in it."""
    found = {row.name: _validation(row) for row in rows(card) if row.state is not State.PERSON}
    return json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _validation(row: Row) -> dict[str, Any]:
    if row.state is State.UNGRADED:
        # Submitty puts this into a log of staff's.
        message = (
            f"{row.name} could not be judged: its 0 is no mark. Repair it, and grade it again."
        )
        return {"status": "failure", "message": message}
    score = (row.score or 0.0) / row.max_score if row.max_score else float(row.passed)
    messages = [
        {
            "message": f"{check.title}\n{check.text}".strip(),
            "status": "success" if check.passed else "failure",
        }
        for check in row.checks
    ]
    return {"status": "success", "data": {"score": round(score, 9), "message": messages}}
