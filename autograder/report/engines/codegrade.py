"""CodeGrade's AutoTest v2: messages for its structured output (file descriptor 3), a line each.

The form is that of CodeGrade's own reporter for pytest (cg-pytest-reporter 1.1.3): a suite an item, a
test case a check, then the points as a fraction. As there, what was skipped counts neither for nor
against: so what waits is skipped. Where nothing was judged there are no points at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from autograder.report.engines.rows import Row, State, earned, possible, rows
from autograder.scorecard import Scorecard

_MOST = 1000  # characters of a reason: CodeGrade cuts messages that are too large
_EXACT = 10**6


def to_codegrade(card: Scorecard, _environment: Mapping[str, str]) -> str:
    """Two lines; without the second where there is nothing to give points for."""
    found = rows(card, _MOST)
    lines: list[dict[str, Any]] = [{"tag": "unit-test", "results": [_suite(row) for row in found]}]
    if most := possible(found):
        points = min(_fraction(earned(found)) / _fraction(most), Fraction(1))
        lines.append({"tag": "points", "points": str(points)})
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


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
        cases.append(
            {**case, "weight": check.weight} | ({"reason": check.text} if check.text else {})
        )
    return {**suite, "weight": row.max_score, "testCases": cases}
