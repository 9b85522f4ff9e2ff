"""The report of a class on a terminal: the numbers, what to do, and a row an item."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from autograder.scorecard import counted, points_text

_TOP = 5
_SLOW = 3


def head(report: dict[str, Any]) -> str:
    """The class in two lines."""
    totals = report["totals"]
    spread = (
        "" if totals["deviation"] is None else f", standard deviation {totals['deviation']:.1f}"
    )
    return (
        f"{report['assignment']}: {report['submissions']} submissions of {points_text(report['max_score'])} "
        f"points\nmean {totals['mean']:.1f}, median {points_text(totals['median'])}{spread}, from "
        f"{points_text(totals['least'])} to {points_text(totals['most'])}"
    )


def item_figures_table(report: dict[str, Any]) -> Table:
    """A row an item: difficulty, item–rest correlation with its interval, and how it ended."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("item", overflow="fold")
    for title in ("points", "judged", "difficulty", "item–rest"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("how it ended")
    for item in report["items"]:
        ends = [f"{count} {word}" for word, count in item["verdicts"].items()]
        ends += [f"{item['waiting']} waiting"] if item["waiting"] else []
        ends += [f"{item['absent']} not handed in"] if item["absent"] else []
        difficulty = item["difficulty"]
        table.add_row(
            Text(item["grade_id"]),
            points_text(item["max_score"]),
            str(item["judged"]),
            "–" if difficulty is None or item["waiting"] else f"{difficulty:.0%}",
            _with_interval(item),
            Text(", ".join(ends)),
        )
    return table


def top_mistakes(report: dict[str, Any]) -> list[str]:
    """The named mistakes that most students made, a line each, but for those of which the advice tells."""
    told = "\n".join(report["advice"])
    named = [one for one in report["mistakes"] if one["named"] and not one["variant_of"]]
    named = [one for one in named if one["words"] not in told]
    return [
        f"{one['count']} of {one['judged']}  {', '.join(one['grade_ids'])}: as if {one['words']}"
        for one in named[:_TOP]
    ]


def nearness(report: dict[str, Any]) -> list[str]:
    """How near runs came to thresholds of chance, a line each."""
    return [_near(one) for one in report["thresholds"]]


def slowest(report: dict[str, Any]) -> list[str]:
    """The items that took the most time to judge, in one line if any was timed; and who came to limits."""
    timed = [item for item in report["items"] if item["seconds"]]
    timed.sort(key=lambda item: -item["seconds"]["median"])
    first = ", ".join(
        f"{item['grade_id']} {item['seconds']['median']:.1f} (most {item['seconds']['most']:.1f})"
        for item in timed[:_SLOW]
    )
    lines = [f"seconds a submission, in the middle: {first}"] if first else []
    return lines + [
        f"{item['grade_id']}: limit {name} {counted(count, 'time')}"
        for item in report["items"]
        for name, count in item["limits"].items()
    ]


def _near(one: dict[str, Any]) -> str:
    side = "at most" if one["at_most"] else "at least"
    text = f"{one['grade_id']}: {one['name'].replace('_', ' ')} {side} {one['needed']:.2f}"
    if one["passed"]:
        text += (
            f"; of {one['passed']} that passed the nearest {one['nearest']:.2f}, in the middle "
            f"{one['median']:.2f}"
        )
    return f"{text}; {one['missed']} missed it"


def _with_interval(item: dict[str, Any]) -> str:
    r, interval = item["discrimination"], item["interval"]
    if r is None:
        return "–"
    return f"{r:.2f}" + (f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else "")
