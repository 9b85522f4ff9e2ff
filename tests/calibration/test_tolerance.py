"""Bounds against figures that are in print, and against their own promise."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from autograder.calibration.tolerance import (
    normal_factor,
    normality,
    rate_beyond_worst,
    runs_beyond,
)


@pytest.mark.parametrize(
    ("rate", "confidence", "runs"), [(0.001, 0.95, 2995), (0.05, 0.95, 59), (0.01, 0.99, 459)]
)
def test_so_many_runs_make_the_worst_of_them_a_bound(
    rate: float, confidence: float, runs: int
) -> None:
    assert runs_beyond(runs - 1, rate, confidence) == 0
    assert runs_beyond(runs, rate, confidence) == 1
    assert rate_beyond_worst(runs, confidence) <= rate < rate_beyond_worst(runs - 1, confidence)


@pytest.mark.parametrize(("runs", "k"), [(58, 0), (92, 1), (93, 2), (123, 2), (124, 3)])
def test_with_more_runs_a_less_extreme_one_will_do(runs: int, k: int) -> None:
    assert runs_beyond(runs, 0.05, 0.95) == k  # Wilks's 59, 93, 124


@pytest.mark.parametrize(
    ("runs", "rate", "factor"),
    [(5, 0.05, 4.203), (10, 0.01, 3.981), (30, 0.01, 3.064), (50, 0.001, 3.766), (10, 0.1, 2.355)],
)
def test_the_normal_factor_is_that_of_the_tables(runs: int, rate: float, factor: float) -> None:
    assert normal_factor(runs, rate, 0.95) == pytest.approx(factor, abs=6e-4)


def test_a_normal_bound_keeps_its_promise_as_often_as_it_says() -> None:
    samples = np.random.default_rng(3).normal(size=(4000, 20))
    bounds = samples.mean(1) + normal_factor(20, 0.05, 0.9) * samples.std(1, ddof=1)
    assert np.mean(bounds >= NormalDist().inv_cdf(0.95)) == pytest.approx(0.9, abs=0.015)


def test_normality_tells_normal_from_skewed() -> None:
    rng = np.random.default_rng(4)
    normal = [normality(rng.normal(5, 3, size=100)) for _ in range(300)]
    assert np.mean(np.array(normal) < 0.1) == pytest.approx(0.1, abs=0.05)
    assert np.median(normal) == pytest.approx(0.5, abs=0.1)
    assert normality(rng.exponential(size=100)) < 1e-4
