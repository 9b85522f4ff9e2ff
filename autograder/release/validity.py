"""How well an assignment's hidden tests tell right from wrong, in figures kept beside them.

`validity.json`, which grading does not look at::

    {"version": 1, "date": "2026-11-29",
     "made_from": "3f0c…",  # the digest of hidden tests and cases
     "cases": {"swap_head_tests": {"right": 6, "kept": 6, "wrong": 14, "caught": 14, "named": 13,
                                   "misnamed": 0, "as_expected": 20}, …, "all": {…}},
     "thresholds": {"short_run, drawn": {"loss_ratio": {"closest": "a step were taken twice", "passes": 1.0},
                                         "accuracy": …, "all": …}}}

`closest` is the known mistake that passes a calibrated threshold most often, and `passes` how often; `all`
that of the mistake which passes all thresholds of the run most often.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.digest import content_of, digest, files_in
from autograder.errors import KitError
from autograder.files import StagedFile
from autograder.judge.keys import VALIDITY

VERSION = 1
_THRESHOLDS = "thresholds.json"
_DIGITS = 16


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
        "date": datetime.date.today().isoformat(),
        "made_from": made_from(course, assignment),
        "cases": cases,
        "thresholds": closest_mistakes(graders / _THRESHOLDS),
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


def closest_mistakes(thresholds: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """For each calibrated threshold the known mistake that passes it most often, and how often.

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
            f"{run}, {images}": _closest(entry["found"]["power"])
            for run, entries in runs.items()
            for images, entry in entries.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KitError(
            f"{thresholds} is damaged ({error!r}). Restore it, or calibrate again."
        ) from error


def _closest(power: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    names = dict.fromkeys(name for row in power.values() for name in row if name != "runs")
    found = {}
    for name in names:
        rows = [(row[name], mistake) for mistake, row in power.items() if name in row]
        passes, mistake = max(rows)
        found[name] = {"closest": mistake, "passes": passes}
    return found
