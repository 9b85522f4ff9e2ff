"""One submission as Gradescope's `results.json`.

The format is documented under "Output format" in Gradescope's autograder specifications. One test an
autograded item, in the notebooks' order; Gradescope adds their points up. Written answers are no
tests, since a person marks them there by a rubric of Gradescope's own.

Gradescope knows passed and failed, but no "could not be judged": a test without points, or one that is
left out, lowers the total like a zero. So a submission with an ungraded item has no results.json at all.
Gradescope then says that the autograder failed to execute, shows no score, and lets staff run it again.
"""

from __future__ import annotations

import json
from typing import Any

from autograder.clean import clean_text
from autograder.report.engines.rows import about, said
from autograder.scorecard import Item, Scorecard, Verdict


def to_gradescope(card: Scorecard, execution_s: float) -> str | None:
    """The text of `results.json`: points, verdicts and hints, and no hidden test or expected value.

    None where an item is ungraded, for that must not become a zero.

    Args:
        execution_s: how long the judging took, in seconds.
    """
    if card.reasons:
        return None
    results = {
        "execution_time": round(execution_s),
        "output": about(card),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",  # what the command prints is for staff
        "tests": [
            _test(notebook.name, item)
            for notebook in card.notebooks
            for item in notebook.items
            if not item.manual
        ],
    }
    return json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _test(notebook: str, item: Item) -> dict[str, Any]:
    lines = [item.message] if item.message else []
    for check in item.checks:
        lines += said(check)
    return {
        "name": clean_text(f"{notebook}: {item.grade_id}{' (bonus)' if item.bonus else ''}"),
        "name_format": "text",
        "score": item.score,
        "max_score": item.max_score,
        "status": "passed" if item.verdict is Verdict.PASSED else "failed",
        "output": clean_text("\n".join(lines)),
        "output_format": "text",  # what a student's code raised is in it, and must stay text
        "visibility": "visible",
    }
