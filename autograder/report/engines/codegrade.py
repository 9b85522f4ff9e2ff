"""CodeGrade's AutoTest v2: messages for its structured output (file descriptor 3), a line each.

The form is that of CodeGrade's own reporters (cg-pytest-reporter 1.1.3, cg-flake8-reporter 1.0.3): a message
for each item with its checks as test cases, weights and points as fractions in text, no message longer than
those let theirs become. As there, what was skipped counts neither for nor against: so what waits is skipped.
Where nothing was judged there are no points at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from autograder.report.engines.rows import Row, State, earned, possible, rows
from autograder.scorecard import Scorecard

MOST_BYTES = 250_000  # of a message: MESSAGE_SIZE_LIMIT in cg-flake8-reporter
_MOST = (1000, 100, 10)  # characters of a reason: fewer where a message would become too long
_EXACT = 10**6


def to_codegrade(card: Scorecard, _environment: Mapping[str, str]) -> str:
    """A line an item, then the points; those not where there is nothing to give points for."""
    shorter = [rows(card, most) for most in _MOST]
    lines = [_message(versions) for versions in zip(*shorter, strict=True)]
    found = shorter[0]
    if most := possible(found):
        points = min(_fraction(earned(found)) / _fraction(most), Fraction(1))
        lines.append(_dumps({"tag": "points", "points": str(points)}))
    return "".join(lines)


def _message(versions: tuple[Row, ...]) -> str:
    """The longest version of a row that is short enough."""
    text = ""
    for row in versions:
        text = _dumps({"tag": "unit-test", "results": [_suite(row)]})
        if len(text) <= MOST_BYTES:  # all of it is ASCII
            break
    return text


def _dumps(message: Mapping[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":")) + "\n"


def _fraction(points: float) -> Fraction:
    return Fraction(points).limit_denominator(_EXACT)


def _suite(row: Row) -> dict[str, Any]:
    name = f"{row.notebook}: {row.grade_id}{' (bonus)' if row.bonus else ''}"
    suite = {"id": f"{row.notebook}/{row.grade_id}", "name": name}
    if row.state is not State.JUDGED:
        waiting = {"name": row.grade_id, "status": "skipped", "reason": row.text}
        return {**suite, "testCases": [waiting]}
    cases: list[dict[str, Any]] = []
    for check in row.checks:
        case = {"name": check.title, "status": "success" if check.passed else "failure"}
        case["weight"] = str(_fraction(check.weight))
        cases.append(case | ({"reason": check.text} if check.text else {}))
    return {**suite, "weight": str(_fraction(row.max_score)), "testCases": cases}
