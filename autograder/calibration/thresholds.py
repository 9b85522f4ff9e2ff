"""From the results of many runs to thresholds, with the error rate that they promise.

A threshold lies so that, with a confidence of 95 %, at most one right run in 1,000 fails it:

1. A bound. With 2,995 right runs or more it is the k-th worst of them, with the largest k for which
   that holds whatever the distribution (order statistics; Wilks, 1941). With fewer it is a one-sided
   tolerance bound for a normal distribution, on the scale that the criterion names, or the worst run
   seen if that is worse.
2. A margin: half a standard deviation beyond the bound, on that scale, for machines, library versions
   and styles that the runs did not show. None where a threshold with it would ask for nothing: what is
   promised is the bound's.

With fewer runs the promise stands on their being nearly normal, which is tested. Where the test refutes
it, only that rate is promised which holds for the worst of so many runs whatever the distribution.

The rate for several thresholds is at most the sum of theirs; with two bounds at 95 % each it holds with a
confidence of at least 90 %.
"""

from __future__ import annotations

import datetime
import json
import math
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autograder.calibration.runs import FILE, RIGHT, Result, Results, load_calibration
from autograder.calibration.tolerance import (
    normal_factor,
    normality,
    rate_beyond_worst,
    runs_beyond,
)
from autograder.course import Course
from autograder.errors import KitError
from autograder.files import StagedFile
from autograder.grading.calibration import Calibration, Criterion, misfits
from autograder.scorecard import counted

THRESHOLDS = "thresholds.json"
VERSION = 1
RATE = 0.001
CONFIDENCE = 0.95
MARGIN = 0.5  # standard deviations of right runs
NORMAL_ABOVE = 0.01  # the p below which right runs are not taken for normal
FEWEST = 30  # right runs; below, a deviation is hardly known


def summary(calibration: Calibration, results: Results) -> dict[str, Any]:
    """The entry of thresholds.json: each threshold, and in `found` where it comes from.

    Raises:
        KitError: when there are too few runs, or no threshold can be promised.
    """
    right = {seed: result for (name, seed), result in results.items() if name == RIGHT and result}
    if len(right) < FEWEST:
        raise KitError(
            f"{counted(len(right), 'right run')} cannot give a threshold: make {FEWEST} at least."
        )
    criteria = {
        criterion.name: _threshold(
            criterion, np.array([right[seed][criterion.name] for seed in sorted(right)])
        )
        for criterion in calibration.criteria
    }
    thresholds = {name: found.pop("threshold") for name, found in criteria.items()}
    return {
        **thresholds,
        "found": {
            "date": datetime.date.today().isoformat(),
            "made_from": calibration.made_from,
            "machine": platform.machine(),
            "right_runs": len(right),
            "seeds": [min(right), max(right)],
            "confidence": CONFIDENCE,
            "criteria": criteria,
            "a_right_run_fails_one_or_more_at_most": {
                "rate": round(
                    sum(found["a_right_run_fails_at_most"] for found in criteria.values()), 6
                ),
                "confidence": round(1 - (1 - CONFIDENCE) * len(criteria), 6),
                "seen": sum(not _passes_all(calibration, r, thresholds) for r in right.values()),
            },
            "mistakes": calibration.wrong_digest,
            "power": _power(calibration, results, thresholds),
        },
    }


def _threshold(criterion: Criterion, values: Any) -> dict[str, Any]:
    """One threshold with the figures that it comes from."""
    badness = np.sort(criterion.badness(values))[::-1]  # the worst first
    mean, deviation, runs = float(badness.mean()), float(badness.std(ddof=1)), len(badness)
    free_rate = rate_beyond_worst(runs, CONFIDENCE)
    p_if_normal = normality(badness)
    k = runs_beyond(runs, RATE, CONFIDENCE)
    if k:
        method, promised, bound = "order statistic", RATE, float(badness[k - 1])
    else:
        factor = normal_factor(runs, RATE, CONFIDENCE)
        bound = max(mean + factor * deviation, float(badness[0]))
        if p_if_normal >= NORMAL_ABOVE:
            method, promised = "normal tolerance bound", RATE
        else:
            method, promised = "too few runs, and they are not normal", free_rate
    for margin in (MARGIN, 0.0):
        moved = float(criterion.figure(bound + margin * deviation))
        if math.isfinite(moved) and not criterion.passes(criterion.limit, criterion.rounded(moved)):
            break
    else:
        raise KitError(
            f"There is no threshold for {criterion.name}: to fail at most {RATE:.1%} of right runs it "
            f"would be {moved:.3g}, and {criterion.limit:g} asks for nothing. Make more runs, "
            f"train longer in each, or find it on another scale than the {criterion.scale}."
        )
    threshold = criterion.rounded(moved)
    unit = deviation or math.inf
    worst, best = (round(float(criterion.figure(float(badness[at]))), 4) for at in (0, -1))
    return {
        "threshold": threshold,
        "a_right_run_fails_at_most": round(promised, 6),
        "method": method,
        "k": k,
        "bound": round(float(criterion.figure(bound)), 4),
        "margin_in_deviations": margin,
        "whatever_the_distribution_at_most": round(free_rate, 6),
        "worst": worst,
        "typical": round(float(criterion.figure(mean)), 4),
        "best": best,
        "scale": criterion.scale,
        "threshold_in_deviations": round(
            (float(criterion.badness(np.array([threshold]))[0]) - mean) / unit, 2
        ),
        "worst_in_deviations": round((float(badness[0]) - mean) / unit, 2),
        "p_if_normal": round(p_if_normal, 4),
    }


def _passes(criterion: Criterion, result: Result, thresholds: Mapping[str, float]) -> bool:
    name = criterion.name
    return result is not None and criterion.passes(result[name], thresholds[name])


def _passes_all(calibration: Calibration, result: Result, thresholds: Mapping[str, float]) -> bool:
    return all(_passes(criterion, result, thresholds) for criterion in calibration.criteria)


def _power(
    calibration: Calibration, results: Results, thresholds: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """For each mistake how many runs there are, and which part still passes each threshold, and all."""
    table = {}
    for name in calibration.wrong:
        seen = [result for (solution, _), result in results.items() if solution == name]
        row: dict[str, float] = {"runs": len(seen)}
        if seen:
            for criterion in calibration.criteria:
                passed = [_passes(criterion, result, thresholds) for result in seen]
                row[criterion.name] = round(float(np.mean(passed)), 4)
            row["all"] = round(
                float(np.mean([_passes_all(calibration, r, thresholds) for r in seen])), 4
            )
        table[name] = row
    return table


def with_new_power(
    course: Course, assignment: str, calibration: Calibration, results: Results
) -> dict[str, Any]:
    """The entry that there is, with what the known mistakes make of its thresholds now.

    Raises:
        KitError: when there are no thresholds, or they were made from something else.
    """
    path = course.graders(assignment) / THRESHOLDS
    entry = _read(path).get(calibration.test, {}).get(calibration.images, {})
    found = entry.get("found", {})
    if found.get("made_from") != calibration.made_from:
        raise KitError(
            f"{path} has no thresholds that were made from what is here now. Leave --mistakes-only out."
        )
    thresholds = {criterion.name: entry[criterion.name] for criterion in calibration.criteria}
    power = _power(calibration, results, thresholds)
    return {**entry, "found": {**found, "mistakes": calibration.wrong_digest, "power": power}}


def write(course: Course, assignment: str, calibration: Calibration, entry: dict[str, Any]) -> Path:
    """Put an entry into the file beside the graders, in place of an older one.

    Raises:
        KitError: when what is there comes from more runs of the same thing, or cannot be replaced.
    """
    path = course.graders(assignment) / THRESHOLDS
    data = _read(path)
    entries = data.setdefault(calibration.test, {})
    there = entries.get(calibration.images, {}).get("found", {})
    same = there.get("made_from") == calibration.made_from
    if same and there.get("right_runs", 0) > entry["found"]["right_runs"]:
        raise KitError(
            f"{path} has thresholds from {counted(there['right_runs'], 'right run')} of the same thing, "
            f"more than these {entry['found']['right_runs']}. It stays as it is; make more runs, or delete "
            f"the entry `{calibration.images}` to replace it."
        )
    entries[calibration.images] = entry
    data = {"version": VERSION, **data}
    try:
        StagedFile(path, json.dumps(data, indent=1) + "\n").put()
    except OSError as error:
        raise KitError(
            f"{path} cannot be written ({error.strerror}). Let c.CourseSettings.graders_directory name a "
            "folder of your own, or look only, with --dry-run."
        ) from error
    return path


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text())
        if not isinstance(data, dict):
            raise ValueError("it is no object")
    except ValueError as error:
        raise KitError(f"{path} is damaged ({error}). Restore it, or delete it.") from error
    if data.get("version", VERSION) != VERSION:
        raise KitError(f"{path} has the form {data['version']}, and this kit knows {VERSION} only.")
    return data


def fit(course: Course, assignment: str) -> list[str]:
    """Why an assignment's thresholds do not fit what grading runs here; [] if they do or none are needed.

    Never raises: grading goes on with the thresholds that there are, and says this to staff.
    """
    path = course.graders(assignment) / THRESHOLDS
    if not (path.parent / FILE).is_file():
        return []
    again = f"Run `autograder calibrate {assignment}`."
    try:
        calibration = load_calibration(course, assignment)
        entry = _read(path).get(calibration.test, {}).get(calibration.images, {})
    except KitError as error:
        return [f"the thresholds in {path} cannot be checked: {error}"]
    made_from = entry.get("found", {}).get("made_from")
    if made_from is None:
        return [f"{path} does not say how its thresholds were found. {again}"]
    said = misfits(made_from, calibration.made_from)
    if not said:
        return []
    return [
        f"the thresholds of {calibration.test} in {path} were made from something else, so their error "
        f"rate is not known here: {'; '.join(said)}. {again}"
    ]
