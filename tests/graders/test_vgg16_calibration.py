"""What vgg16 offers to be calibrated, and whether its thresholds fit the code beside them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.calibration import thresholds
from autograder.calibration.runs import load_calibration
from autograder.course import load_course
from autograder.data import draw_images
from autograder.graders.vgg16 import short_run, tasks
from autograder.graders.vgg16.calibrate import CRITERIA, calibration, one_run
from autograder.grading.calibration import Criterion

ROOT = Path(__file__).parent.parent.parent


def test_the_thresholds_fit_the_short_run() -> None:
    assert thresholds.fit(load_course(ROOT), "vgg16") == []


def test_a_changed_budget_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_run, "SHORT", replace(short_run.SHORT, epochs=9))
    (text,) = thresholds.fit(load_course(ROOT), "vgg16")
    assert "epochs 5" in text
    assert "epochs 9" in text


def test_every_wrong_loop_and_fit_is_run() -> None:
    wrong = load_calibration(load_course(ROOT), "vgg16").wrong
    left_out = {*tasks.WRONG_LOOPS, *tasks.WRONG_FITS} - set(wrong)
    assert left_out == {"the learning rate were 1e-3 (is `learning_rate` passed on?)"}
    assert short_run.SHORT.learning_rate == 1e-3


def test_what_learns_in_some_short_runs_only_is_known_as_luck() -> None:
    """Whatever else is wrong learns in all of them, or in none: the draw decides nothing."""
    file = ROOT / "autograder/graders/vgg16/thresholds.json"
    power = json.loads(file.read_text())["short_run"]["drawn"]["found"]["power"]
    assert {name for name, seen in power.items() if 0 < seen["all"] < 1} <= set(tasks.LUCKY_FITS)
    assert set(tasks.LUCKY_FITS) - set(power) <= set(tasks.WRONG_LOOPS)


def test_a_run_gives_a_figure_for_each_criterion(monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(short_run.SHORT, images=64, hidden_images=20, epochs=2)
    monkeypatch.setattr(short_run, "SHORT", small)
    runs = calibration(None)
    right, nothing = runs.right(7), runs.wrong["nothing were trained"](7)
    assert right is not None
    assert nothing is not None
    assert set(right) == set(nothing) == {criterion.name for criterion in CRITERIA}
    assert right["loss_ratio"] != nothing["loss_ratio"] == 1
    assert runs.right(7) == right


def test_parameters_that_broke_are_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(short_run.SHORT, images=40, hidden_images=20, epochs=1)
    monkeypatch.setattr(short_run, "SHORT", small)

    def breaks(net: Any, *_: object) -> None:
        next(net.parameters()).data.fill_(float("nan"))

    assert one_run(breaks, 7, draw_images) is None


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda criterion: str(criterion.name))
def test_a_scale_can_be_gone_back_and_grows_with_badness(criterion: Criterion) -> None:
    values = np.array([0.2, 0.5, 0.8])
    badness = criterion.badness(values)
    assert [criterion.figure(float(value)) for value in badness] == pytest.approx(values.tolist())
    assert (np.diff(badness) > 0).all() == criterion.smaller_is_better
