"""What vgg16 offers to be calibrated, and whether all thresholds fit the code beside them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder.calibration import thresholds
from autograder.calibration.runs import load_calibration
from autograder.course import load_course
from autograder.graders.vgg16 import short_run, tasks
from autograder.graders.vgg16.calibrate import calibration
from autograder.grading.training import Budget

ROOT = Path(__file__).parent.parent.parent


CALIBRATED = sorted(path.parent.name for path in ROOT.glob("autograder/graders/*/calibrate.py"))


@pytest.mark.parametrize("assignment", CALIBRATED)
def test_the_thresholds_fit_the_short_run(assignment: str) -> None:
    assert thresholds.fit(load_course(ROOT), assignment) == []


def with_budget(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    budget: Budget = replace(short_run.SHORT.budget, **changes)
    monkeypatch.setattr(short_run, "SHORT", replace(short_run.SHORT, budget=budget))


def test_a_changed_budget_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with_budget(monkeypatch, epochs=9)
    (text,) = thresholds.fit(load_course(ROOT), "vgg16")
    assert "epochs 5" in text
    assert "epochs 9" in text


def test_every_wrong_loop_and_fit_is_run() -> None:
    wrong = load_calibration(load_course(ROOT), "vgg16").wrong
    left_out = {*tasks.WRONG_LOOPS, *tasks.WRONG_FITS} - set(wrong)
    assert left_out == {"the learning rate were 1e-3 (is `learning_rate` passed on?)"}
    assert short_run.SHORT.budget.learning_rate == 1e-3


def test_what_learns_in_some_short_runs_only_is_known_as_luck() -> None:
    """Whatever else is wrong learns in all of them, or in none: the draw decides nothing."""
    file = ROOT / "autograder/graders/vgg16/thresholds.json"
    power = json.loads(file.read_text())["short_run"]["drawn"]["found"]["power"]
    assert {name for name, seen in power.items() if 0 < seen["all"] < 1} <= set(tasks.LUCKY_FITS)
    assert set(tasks.LUCKY_FITS) - set(power) <= {*tasks.WRONG_LOOPS, tasks.TOO_LARGE_STEPS}


def test_a_run_gives_a_figure_for_each_criterion(monkeypatch: pytest.MonkeyPatch) -> None:
    with_budget(monkeypatch, examples=64, hidden=20, epochs=2)
    runs = calibration(None)
    right, nothing = runs.right(7), runs.wrong["nothing were trained"](7)
    assert right is not None
    assert nothing is not None
    assert set(right) == set(nothing) == {criterion.name for criterion in runs.criteria}
    assert right["loss_ratio"] != nothing["loss_ratio"] == 1
    assert runs.right(7) == right
