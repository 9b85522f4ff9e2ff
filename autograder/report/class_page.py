"""The report of a class as one page that needs nothing else: no script, no request, prints well.

Everything in it may come from submissions (ids, the words of messages), so the template escapes all of it.
"""

from __future__ import annotations

from typing import Any

from autograder.report.page import template
from autograder.report.table import SIGNS
from autograder.scorecard import points_text

_MARKS = {  # a sign for each verdict, so that colour is never alone
    **{verdict.value: sign for verdict, sign in SIGNS.items()},
    "waiting": "…",
    "marked": "✎",
    "absent": "–",
}
_WORDS = {
    "passed": "passed",
    "failed": "not passed",
    "raised": "raised an error",
    "limit": "hit a limit",
    "ungraded": "not graded, staff must look",
    "waiting": "waits for a person",
    "marked": "marked by a person",
    "absent": "not handed in",
}
_SHOWN_MISTAKES = 40


def class_page(report: dict[str, Any]) -> str:
    """The page of a report, as `class_report` makes it."""
    mistakes = [one for one in report["mistakes"] if not one["variant_of"]]
    variants: dict[str, list[str]] = {one["key"]: [] for one in mistakes}
    for one in report["mistakes"]:
        if one["variant_of"]:
            variants[one["variant_of"]].append(one["words"])
    page: str = template("class.html.j2").render(
        report=report,
        histogram=_histogram(report),
        signs=_MARKS,
        words=_WORDS,
        mistakes=mistakes[:_SHOWN_MISTAKES],
        left_out=len(mistakes[_SHOWN_MISTAKES:]),
        variants=variants,
        costs=[item for item in report["items"] if item["seconds"] or item["limits"]],
    )
    return page


def _histogram(report: dict[str, Any]) -> dict[str, Any]:
    """The bars of the distribution, and the sentence that they say."""
    counts = report["distribution"]
    width = max(report["max_score"], report["totals"]["most"]) / len(counts)
    bars = [
        {
            "count": count,
            "height": round(100 * count / max(counts), 1) if max(counts) else 0,
            "label": f"{points_text(round(n * width, 1))}–{points_text(round((n + 1) * width, 1))}",
        }
        for n, count in enumerate(counts)
    ]
    said = ", ".join(f"{bar['label']} points: {bar['count']}" for bar in bars if bar["count"])
    return {"bars": bars, "said": f"Submissions by points. {said}."}
