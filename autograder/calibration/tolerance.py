"""Bounds that a given part of a population stays within, from a sample of it.

All bounds are one-sided, on the side of large values. `rate` is the part of the population that may
lie beyond the bound, `confidence` how often a bound found like this keeps that promise.

- `runs_beyond` is distribution-free: of n runs the k-th largest is such a bound, if as few as k - 1 of
  n beyond the true quantile would be seen with a probability of at most 1 - confidence (Wilks, 1941).
- `normal_factor` assumes a normal distribution: mean + factor * deviation is such a bound (Hahn and
  Meeker, Statistical Intervals, 1991, section 4.6). It needs far fewer runs.
- `normality` says how well that assumption holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

_NORMAL = NormalDist()


def _few_beyond(most: int, runs: int, rate: float) -> float:
    """The probability that at most `most` of `runs` lie beyond a quantile that `rate` lies beyond."""
    return math.fsum(
        math.exp(
            math.lgamma(runs + 1)
            - math.lgamma(count + 1)
            - math.lgamma(runs - count + 1)
            + count * math.log(rate)
            + (runs - count) * math.log1p(-rate)
        )
        for count in range(most + 1)
    )


def runs_beyond(runs: int, rate: float, confidence: float) -> int:
    """The largest k for which the k-th largest of `runs` values is a bound; 0 if none is."""
    k = 0
    while k < runs and _few_beyond(k, runs, rate) <= 1 - confidence:
        k += 1
    return k


def rate_beyond_worst(runs: int, confidence: float) -> float:
    """The rate for which the largest of `runs` values is a bound, whatever their distribution."""
    return -math.expm1(math.log(1 - confidence) / runs)


def normal_factor(runs: int, rate: float, confidence: float) -> float:
    """How many sample deviations above the sample mean a bound lies, for a normal distribution.

    It is a quantile of the noncentral t distribution, divided by sqrt(runs). Here it is the root of
    P(mean + factor * deviation >= quantile) = confidence, where mean is normal and deviation, of its
    own, a chi: one integral over the deviation.
    """
    if runs < 3:
        raise ValueError("a tolerance bound takes at least 3 runs")
    degrees = runs - 1
    wide = 10 / math.sqrt(2 * degrees)
    deviations = np.linspace(max(1e-6, 1 - wide), 1 + wide, 2001)  # in units of the true one
    log_density = degrees * (np.log(deviations) - deviations**2 / 2) - np.log(deviations)
    density = np.exp(log_density - log_density.max())
    density /= density.sum()
    quantile = _NORMAL.inv_cdf(1 - rate)

    def kept(factor: float) -> float:
        heights = math.sqrt(runs) * (factor * deviations - quantile)
        return float(density @ [_NORMAL.cdf(height) for height in heights])

    return _root(lambda factor: kept(factor) - confidence, quantile / 2, 100.0)


def normality(values: npt.NDArray[np.float64]) -> float:
    """The probability of values as far from normal as these, were they normal.

    The test of Anderson and Darling with estimated mean and deviation, with the approximation of
    D'Agostino and Stephens, Goodness-of-Fit Techniques, 1986, table 4.9. It takes 8 values at least.
    """
    runs = len(values)
    if values.std() == 0:
        return 0.0
    ordered = np.sort((values - values.mean()) / values.std(ddof=1))
    below = np.clip([_NORMAL.cdf(value) for value in ordered], 1e-16, 1 - 1e-16)
    weights = 2 * np.arange(1, runs + 1) - 1
    square = -runs - float(np.mean(weights * (np.log(below) + np.log1p(-below[::-1]))))
    square *= 1 + 0.75 / runs + 2.25 / runs**2
    if square < 0.2:
        return 1 - math.exp(-13.436 + 101.14 * square - 223.73 * square**2)
    if square < 0.34:
        return 1 - math.exp(-8.318 + 42.796 * square - 59.938 * square**2)
    if square < 0.6:
        return math.exp(0.9177 - 4.279 * square - 1.38 * square**2)
    return math.exp(1.2937 - 5.709 * square + 0.0186 * square**2) if square < 13 else 0.0


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where an increasing function is zero."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2
