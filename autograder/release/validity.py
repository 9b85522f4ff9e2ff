"""How well an assignment's hidden tests tell right from wrong, in figures kept beside them.

`validity.json`, which grading does not look at::

    {"version": 1, "kit": "0.1.0", "date": "2026-11-29",
     "made_from": "3f0c…",  # the digest of hidden tests and cases
     "cases": {"swap_head_tests": {"right": 6, "kept": 6, "wrong": 14, "caught": 14, "named": 13,
                                   "misnamed": 0, "as_expected": 20}, …, "all": {…}},
     "thresholds": {"short_run, drawn": {
         "right_runs": 3000, "mistakes": 43,
         "loss_ratio": {"a_right_run_fails_at_most": 0.001, "told_apart": 21,
                        "closest_told_apart": {"mistake": "…", "runs": 12, "passes": 0.25},
                        "closest": {"mistake": "a step were taken twice", "runs": 12, "passes": 1.0}},
         "accuracy": …, "all": …}}}

`passes` is the part of a known mistake's runs that pass a calibrated threshold, so that the threshold's
power against it is 1 - passes; `all` is about passing all thresholds of the run. `closest` is the mistake
that passes most often. Many train as well as a right loop does, and no result of a run can tell them from
it: `told_apart` are those of which fewer than half of the runs pass, and `closest_told_apart` is the closest
of them.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import autograder
from autograder.course import Course
from autograder.digest import content_of, digest, files_in
from autograder.errors import KitError
from autograder.files import StagedFile
from autograder.judge.keys import VALIDITY

VERSION = 1
_THRESHOLDS = "thresholds.json"
_DIGITS = 16
_HALF = 0.5  # of a mistake's runs


def write(course: Course, assignment: str, cases: Mapping[str, Mapping[str, int]]) -> Path:
    """Put the figures of an assignment's cases, and the power of its thresholds, beside its hidden tests.

    Args:
        cases: what `catalogue.figures` counted, of all cases.

    Raises:
        KitError: when the file cannot be written, or thresholds.json not be read.
    """
    graders = course.graders(assignment)
    path = graders / VALIDITY
    data = {
        "version": VERSION,
        "kit": autograder.__version__,
        "date": datetime.date.today().isoformat(),
        "made_from": made_from(course, assignment),
        "cases": cases,
        "thresholds": power(graders / _THRESHOLDS),
    }
    try:
        StagedFile(path, json.dumps(data, indent=1) + "\n").put()
    except OSError as error:
        raise KitError(
            f"{path} cannot be written ({error.strerror}). Let c.CourseSettings.graders_directory name a "
            "folder of your own, or look only, without --keep."
        ) from error
    return path


def made_from(course: Course, assignment: str) -> str:
    """The digest of the hidden tests and cases from which figures come."""
    graders, cases = course.graders(assignment), course.cases(assignment)
    tests = [path for path in files_in(graders) if path.name != VALIDITY]
    files = [path for path in files_in(cases) if path.parent.parent == cases]
    return digest(content_of(graders, tests), content_of(cases, files))[:_DIGITS]


def power(thresholds: Path) -> dict[str, dict[str, Any]]:
    """What each calibrated threshold makes of the known mistakes, and of the closest of them.

    Returns:
        by run and images, by threshold; empty where nothing is calibrated.

    Raises:
        KitError: when the file is damaged.
    """
    if not thresholds.is_file():
        return {}
    try:
        runs = {
            key: value
            for key, value in json.loads(thresholds.read_text()).items()
            if key != "version"
        }
        return {
            f"{run}, {images}": _of_run(entry["found"])
            for run, entries in runs.items()
            for images, entry in entries.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KitError(
            f"{thresholds} is damaged ({error!r}). Restore it, or calibrate again."
        ) from error


def _of_run(found: Mapping[str, Any]) -> dict[str, Any]:
    rates = {name: row["a_right_run_fails_at_most"] for name, row in found["criteria"].items()}
    rates["all"] = found["a_right_run_fails_one_or_more_at_most"]["rate"]
    seen = {mistake: row for mistake, row in found["power"].items() if row["runs"]}
    return {
        "right_runs": found["right_runs"],
        "mistakes": len(seen),
        **{
            name: {"a_right_run_fails_at_most": rate, **_of_threshold(name, seen)}
            for name, rate in rates.items()
        },
    }


def _of_threshold(name: str, power: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {"mistake": mistake, "runs": row["runs"], "passes": row[name]}
        for mistake, row in power.items()
    ]
    apart = [row for row in rows if row["passes"] < _HALF]
    return {
        "told_apart": len(apart),
        "closest_told_apart": max(apart, key=_passes, default=None),
        "closest": max(rows, key=_passes, default=None),
    }


def _passes(row: Mapping[str, Any]) -> float:
    return float(row["passes"])
