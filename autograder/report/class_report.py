"""What a class did with an assignment, as plain data: for the page, the terminal, and other programs.

Format, version 1::

    {"format": "autograder-report", "version": 1, "assignment": "vgg16", "names": false,
     "max_score": 88.0, "submissions": 30,
     "totals": {"mean": 61.2, "median": 64.0, "deviation": 18.1, "least": 4.0, "most": 88.0},
     "distribution": [0, 1, …],  # submissions in each tenth of the points
     "alpha": 0.81, "complete": 27,  # of so many students, with whom correlations are computed
     "advice": ["…"],
     "items": [{"notebook": "3_training", "grade_id": "fit_tests", "max_score": 6.0, "manual": false,
                "judged": 28, "ungraded": 1, "waiting": 0, "absent": 1, "difficulty": 0.71,
                "deviation": 2.1, "full": 0.5, "none": 0.1, "discrimination": 0.48,
                "interval": [0.13, 0.73], "groups": [0.2, …], "verdicts": {"passed": 14, …},
                "seconds": {"median": 1.9, "most": 21.0}, "limits": {"probe_wall_s": 1}}],
     "mistakes": [{"key": "the-gradients-were-never-set-to-zero", "grade_ids": ["train_epoch_tests"],
                   "words": "…", "named": true, "count": 7, "judged": 28, "share": 0.25,
                   "interval": [0.13, 0.43], "variant_of": null}],
     "thresholds": [{"notebook": "3_training", "grade_id": "fit_tests", "name": "accuracy", "needed": 0.44,
                     "at_most": false, "nearest": 0.61, "median": 0.74, "farthest": 0.83, "passed": 21,
                     "missed": 4, "alone": []}],
     "staff": [{"student": "7", "reasons": ["…"]}],
     "students": [{"student": "1", "total": 88.0,
                   "items": [{"points": 6.0, "verdict": "passed"}, …]}]}

`students` are in the order of their totals, the highest first, and called by their place unless names are
asked for. `points` is null where there is no final score. The key of a mistake that no test names is its
check's: notebook, item and test; `variant_of` is the key of a mistake that the same students made in the same
items, as where two checks have a name each for one thing. `thresholds` are those of chance, with the figures
of runs whose check passed; `alone` are the students who missed one and passed every other check of the item.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from typing import Any

from autograder.report.advice import advice
from autograder.report.costs import costs, nearness
from autograder.report.mistakes import mistakes
from autograder.report.statistics import ClassFigures, ItemOf, distribution, spread
from autograder.report.table import Marks, item_rows
from autograder.scorecard import Scorecard

FORMAT = "autograder-report"
VERSION = 1
_DIGITS = 4
_NO_COSTS: dict[str, Any] = {"seconds": None, "limits": {}}


def class_report(
    assignment: str,
    items: Sequence[ItemOf],
    cards: Sequence[Scorecard],
    marks: Marks | None = None,
    names: bool = False,
) -> dict[str, Any]:
    """The report as plain data.

    Args:
        items: of the assignment, in its own order.
        cards: of the submissions, at least one.
        marks: of the gradebook, where there is one.
        names: whether students are called by their ids.
    """
    rows = item_rows(cards, marks)
    figures = ClassFigures(items, rows)
    by_item = figures.figures()
    made, spent, thresholds = mistakes(rows), costs(rows), nearness(rows)
    order = sorted(range(len(figures.students)), key=lambda n: (-figures.totals[n], n))
    called = {
        figures.students[n]: figures.students[n] if names else str(place)
        for place, n in enumerate(order, 1)
    }
    reasons = {card.student: card.reasons for card in cards if card.reasons}
    report = {
        "format": FORMAT,
        "version": VERSION,
        "assignment": assignment,
        "names": names,
        "max_score": figures.max_score,
        "submissions": len(figures.students),
        "totals": spread(figures.totals),
        "distribution": distribution(figures.totals, figures.max_score),
        "alpha": figures.alpha,
        "complete": len(figures.matrix),
        "advice": advice(figures, by_item, made, thresholds),
        "items": [
            {
                **dataclasses.asdict(figure.item),
                **{key: value for key, value in vars(figure).items() if key != "item"},
                **spent.get((figure.item.notebook, figure.item.grade_id), _NO_COSTS),
            }
            for figure in by_item
        ],
        "mistakes": [
            {
                "key": one.key,
                "grade_ids": list(one.grade_ids),
                "words": one.words,
                "named": one.named,
                "count": len(one.students),
                "judged": one.judged,
                "share": one.share,
                "interval": list(one.interval),
                "variant_of": one.variant_of or None,
            }
            for one in made
        ],
        "thresholds": [
            vars(one) | {"alone": sorted((called[student] for student in one.alone), key=_place)}
            for one in thresholds
        ],
        "staff": [
            {"student": called[student], "reasons": list(why)}
            for student, why in sorted(reasons.items(), key=lambda entry: _place(called[entry[0]]))
            if student in called
        ],
        "students": [
            {
                "student": called[figures.students[n]],
                "total": float(figures.totals[n]),
                "items": [
                    {
                        "points": None if math.isnan(points) else float(points),
                        "verdict": figures.word(figures.students[n], item),
                    }
                    for item, points in zip(figures.items, figures.scores[n], strict=True)
                ],
            }
            for n in order
        ],
    }
    rounded: dict[str, Any] = _rounded(report)
    return rounded


def to_json(report: dict[str, Any]) -> str:
    return json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _place(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdecimal() else (0, name)


def _rounded(value: Any) -> Any:
    """The same without the noise of floating point, which differs between machines."""
    if isinstance(value, float):
        return round(value, _DIGITS) + 0.0
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    return value
