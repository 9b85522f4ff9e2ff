"""The page of the kit's own figures: what each assignment's validity.json says, as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autograder.judge.keys import VALIDITY

GRADERS = Path(__file__).parent.parent / "autograder" / "graders"
_COUNTS = ("right", "kept", "wrong", "caught", "named", "misnamed")
_ABOUT = """
How well the hidden tests of the kit's assignments tell right from wrong. The cases in `tests/cases/` are hand-ins, right
ones in other styles and wrong ones, each with what it must get. A wrong one is *caught* if it loses points in every item
where it should; *named* if its student reads which mistake it is; *misnamed* if another mistake is named, or one that was not
made. `autograder check ASSIGNMENT --keep` judges all of them in the box, and writes these figures into `validity.json` beside the
hidden tests.

A short run that must learn is judged by thresholds: see [Training checks](training-checks.md#a-short-run-that-must-learn). Known
mistakes are run as well. Many of them train as well as a right loop does, and no result of a run can tell them from it: they are
caught where updates are compared. *Told apart* are mistakes of which fewer than half of the runs pass.
"""


def page(note: str) -> str:
    """The text of the page, below a note that says who writes it."""
    kept = {path.parent.name: json.loads(path.read_text()) for path in _files()}
    parts = [note, "# Validity", _ABOUT.strip()]
    for assignment, data in sorted(kept.items()):
        when = f"Judged on {data['date']}, by the kit {data['kit']}."
        parts += [f"## {assignment}", when, "\n".join(_cases(data["cases"]))]
        if data["thresholds"]:
            parts.append("\n".join(_thresholds(data["thresholds"])))
    return "\n\n".join(parts) + "\n"


def _files() -> list[Path]:
    return sorted(GRADERS.glob(f"*/{VALIDITY}"))


def _cases(cases: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    yield "| item | right | kept all points | wrong | caught | named | misnamed |"
    yield "| :-- |" + " --: |" * len(_COUNTS)
    for item, counts in cases.items():
        name = "**all**" if item == "all" else f"`{item.removesuffix('_tests')}`"
        cells = [str(counts[key]) for key in _COUNTS]
        if item == "all" and counts["wrong"]:
            for place in (3, 4, 5):
                cells[place] += f" ({counts[_COUNTS[place]] / counts['wrong']:.1%})"
        yield f"| {name} | {' | '.join(cells)} |"


def _thresholds(runs: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield (
        "| threshold | right runs | of which it fails, at most | known mistakes | told apart | "
        "the closest of these | the closest of all |"
    )
    yield "| :-- | --: | --: | --: | --: | :-- | :-- |"
    for run, found in runs.items():
        for name, row in found.items():
            if isinstance(row, dict):
                what = "any of them" if name == "all" else name.replace("_", " ")
                cells = [
                    f"{run}: {what}",
                    f"{found['right_runs']:,}",
                    f"{row['a_right_run_fails_at_most']:.2%}",
                    str(found["mistakes"]),
                    str(row["told_apart"]),
                    _mistake(row["closest_told_apart"]),
                    _mistake(row["closest"]),
                ]
                yield f"| {' | '.join(cells)} |"


def _mistake(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "none"
    failed = round(row["runs"] * (1 - row["passes"]))
    name = row["mistake"].replace("`", "")
    return f"as if {name}: fails in {failed} of {row['runs']} runs"
