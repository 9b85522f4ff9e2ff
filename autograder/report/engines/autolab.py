"""Autolab's last lines of output: its feedback by stages, and the scores by problem.

Described in Autolab's docs/lab.md and docs/features/formatted-feedback.md. Each item is a problem of its
own, by its name. Where the last line is no JSON, or has no scores, Autolab gives every problem that has
no score yet a released 0 (`saveAutograde` in assessment_autograde_core.rb). So there always is a last
line: what waits is left out of it, and where nothing was judged, it says null, which Autolab keeps as no
score.

Hints are text there (`_semantic.html.erb`). Before it reads the last line Autolab puts quotes around each
word that a colon follows, in names as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from autograder.report.engines.rows import NOT_JUDGED, Row, State, no_points, rows
from autograder.scorecard import Scorecard

_MOST = 500  # characters of a hint, which is a cell of a table there


def to_autolab(card: Scorecard, _environment: Mapping[str, str]) -> str:
    """Two lines, of which the last are the scores: print them, and nothing after them.

    Raises:
        KitError: when there is nothing but written answers, on which Autolab has marks of people.
    """
    found = rows(card, _MOST)
    stages: dict[str, dict[str, Any]] = {}
    for row in found:
        if row.state is not State.PERSON:
            stages.setdefault(row.notebook, {})[row.grade_id] = _shown(row)
    scores = {_name(row): row.score for row in found if row.state is State.JUDGED}
    if not scores:
        scores = {_name(row): None for row in found if row.state is State.UNGRADED}
    if not scores:
        raise no_points()
    feedback = {"_presentation": "semantic", "stages": list(stages), **stages}
    return f"{json.dumps(feedback)}\n{json.dumps({'scores': scores}, allow_nan=False)}\n"


def _name(row: Row) -> str:
    return row.name.replace(":", "_")


def _shown(row: Row) -> dict[str, Any]:
    if row.state is State.UNGRADED:
        return {"passed": False, "hint": NOT_JUDGED}
    if row.passed:
        return {"passed": True}
    hint = "; ".join(line.strip() for line in row.text.splitlines() if line.strip())
    return {"passed": False, "hint": hint}
