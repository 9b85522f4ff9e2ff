"""Classroom 50's `result.json`: schemas/result-v1.schema.json in foundation50/classroom50.

Scores are whole numbers there, so they are hundredths of our points: 13.5 points are 1350. With an
ungraded item there is no file: its runner then writes an error of 0 of 0 points, which is no mark.

Who submitted what comes from the environment in which the runner starts an `autograder.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from autograder.report.engines.rows import Row, State, earned, possible, rows
from autograder.scorecard import Scorecard

ENVIRONMENT = ("CLASSROOM", "ASSIGNMENT", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL", "OWNER")
_HUNDREDTHS = 100


def to_classroom50(card: Scorecard, environment: Mapping[str, str]) -> str | None:
    """The text of `result.json`; None where an item is ungraded.

    Args:
        environment: the runner's variables, all of `ENVIRONMENT`.
    """
    if card.reasons:
        return None
    found = [row for row in rows(card) if row.state is State.JUDGED]
    most = round(possible(found) * _HUNDREDTHS)
    result = {
        "schema": "classroom50/result/v1",
        "classroom": environment["CLASSROOM"],
        "assignment": environment["ASSIGNMENT"],
        "assignment_type": environment.get("ASSIGNMENT_TYPE") or "individual",
        "owner": environment["OWNER"],
        "submission": environment["SUBMISSION_TAG"],
        "commit": environment["COMMIT_URL"],
        "release": environment["RELEASE_URL"],
        "review": environment.get("REVIEW_URL") or environment["COMMIT_URL"],
        # As in Classroom 50's own templates; it knows the time of the submission itself.
        "datetime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "score": min(round(earned(found) * _HUNDREDTHS), most),
        "max-score": most,
        "tests": [_test(row) for row in found],
    }
    return json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _test(row: Row) -> dict[str, Any]:
    return {
        "test-name": f"{row.notebook}: {row.grade_id}{' (bonus)' if row.bonus else ''}",
        "passed": row.passed,
        "score": round((row.score or 0.0) * _HUNDREDTHS),
        "max-score": round(row.max_score * _HUNDREDTHS),
        "output": row.text,
    }
