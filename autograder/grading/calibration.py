"""What an assignment offers to `autograder calibrate`: runs whose results thresholds are set from.

A hidden test that asks for a result of chance (a loss that falls, an accuracy) needs a threshold that
right solutions all but never miss. Whoever writes one puts a file `calibrate.py` beside the hidden
tests, with one function::

    def calibration(images: Path | None) -> Calibration: ...

`images` is a folder of labelled images, or None for what grading uses. The command makes the runs
and writes the thresholds into `thresholds.json` in the same folder, from where the test reads them.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import json
import math
import textwrap
import tokenize
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Calibration", "Criterion", "misfits", "short_digest", "source_digest"]

Floats = npt.NDArray[np.float64]
Run = Callable[[int], dict[str, float] | None]

# Versions whose minor number may move results; another version of the rest only starts a new record.
_FELT = ("torch",)


@dataclass(frozen=True)
class Criterion:
    """One figure of a run that a hidden test asks for.

    Attributes:
        name: the figure's key in a run's result and in thresholds.json.
        smaller_is_better: whether the test asks for at most, not at least, the threshold.
        limit: a threshold as bad as this would ask for nothing.
        scale: in words, the scale on which right runs are nearly normally distributed.
        badness: from figures to that scale; larger is worse.
        figure: back from it.
    """

    name: str
    smaller_is_better: bool
    limit: float
    scale: str
    badness: Callable[[Floats], Floats]
    figure: Callable[[float], float]

    def passes(self, value: float, threshold: float) -> bool:
        """Whether a run passes; a figure that is not a number does not."""
        return value <= threshold if self.smaller_is_better else value >= threshold

    def rounded(self, value: float) -> float:
        """Two digits after the point, to the side on which more runs pass."""
        towards = math.ceil if self.smaller_is_better else math.floor
        return towards(round(value * 100, 6)) / 100


@dataclass(frozen=True)
class Calibration:
    """The runs that thresholds are set from.

    Attributes:
        test: what the thresholds are for: a key of thresholds.json, and part of a file's name.
        images: the kind of images, the key below it.
        criteria: the figures that the test asks for.
        made_from: everything that the results depend on besides the seed: data set, network, budget,
            solution, and library versions under `versions`. Runs under another one are never mixed.
        right: one run of the reference with a seed: a figure for each criterion.
        wrong: the same for mistakes, by name; None where the test would fail it before any figure.
        wrong_digest: changes when a wrong run does.
    """

    test: str
    images: str
    criteria: tuple[Criterion, ...]
    made_from: dict[str, Any]
    right: Run
    wrong: dict[str, Run]
    wrong_digest: str

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits that change with `made_from`."""
        return short_digest(json.dumps(self.made_from, sort_keys=True).encode())


def short_digest(*parts: bytes | memoryview) -> str:
    """Twelve hexadecimal digits of what thresholds depend on."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()[:12]


def misfits(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """How what thresholds were made from differs from what is used now, in words; [] if they fit.

    Of a library's version only major and minor number count, and only where they may move results.
    """
    old, new = then.get("versions", {}), now.get("versions", {})
    versions = [
        f"{name} was {old.get(name, 'unknown')}, here it is {new.get(name, 'not there')}"
        for name in _FELT
        if _minor(old.get(name)) != _minor(new.get(name))
    ]
    names = sorted((set(then) | set(now)) - {"versions"})
    return versions + [
        f"the {name.replace('_', ' ')} is another one: {_short(then.get(name))}, now "
        f"{_short(now.get(name))}"
        for name in names
        if then.get(name) != now.get(name)
    ]


def _minor(version: object) -> list[str]:
    return str(version).split(".")[:2]


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_short(part)}" for name, part in value.items())
    return str(value)


def source_digest(*parts: Callable[..., Any]) -> str:
    """Twelve hexadecimal digits that change with the functions' or classes' code.

    Comments, docstrings and line breaks do not count; and it is the same under every Python version.
    """
    text = "\n".join(" ".join(_tokens(inspect.getsource(part))) for part in parts)
    return short_digest(text.encode())


def _tokens(source: str) -> Iterable[str]:
    layout = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    at_start = True
    for token in tokenize.generate_tokens(io.StringIO(textwrap.dedent(source)).readline):
        if token.type == tokenize.STRING and at_start:
            continue  # a docstring
        at_start = token.type in layout
        if token.type not in (*layout, tokenize.ENDMARKER):
            yield token.string
