"""Opening what a probe sent back. The box may lie: whatever is missing or of a wrong kind ends in a
`Mismatch` for the student, never in an exception of ours."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autograder.grading.compare import (
    as_array,
    capital,
    describe,
    expect,
    expect_finite,
    expect_shape,
    expect_type,
    is_tensor,
    relative_difference,
)
from autograder.scorecard import counted

if TYPE_CHECKING:
    import torch

Floats = npt.NDArray[np.float64]


def fields(reply: Any, *names: str) -> dict[str, Any]:
    """A reply's fields; only code that tampers with a probe can have changed them."""
    expect(
        isinstance(reply, dict) and all(name in reply for name in names),
        "The answer to this check is incomplete. Does your notebook change Python or torch itself?",
    )
    return dict(reply)


def sequence(value: Any, what: str, length: int | None = None) -> list[Any]:
    """A list or tuple as a list; `length` may be told to the student."""
    what = capital(what)
    expect(isinstance(value, list | tuple), f"{what} should be a list; yours is {describe(value)}.")
    entries = list(value)
    if length is not None:
        expect(
            len(entries) == length,
            f"{what} should have {counted(length, 'entry', 'entries')}; yours has {len(entries)}.",
        )
    return entries


def real(value: Any, what: str) -> float:
    """A finite Python or NumPy float (an exact 0 or 1 may come as an int)."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value in (0, 1):
        return float(value)
    what = capital(what)
    hint = " Take the number out with .item()." if is_tensor(value) else ""
    expect(
        isinstance(value, float | np.floating),
        f"{what} should be a float; yours is {describe(value)}.{hint}",
    )
    expect(bool(np.isfinite(value)), f"{what} should be finite; yours is {value}.")
    return float(value)


def whole(value: Any, what: str) -> int:
    """A whole number: an int, NumPy's or Python's."""
    hint = " Take the number out with .item()." if is_tensor(value) else ""
    expect(
        isinstance(value, int | np.integer) and not isinstance(value, bool),
        f"{capital(what)} should be an int; yours is {describe(value)}.{hint}",
    )
    return int(value)


def flag(value: Any) -> bool:
    """A boolean that a probe made."""
    return bool(expect_type(value, bool, "an answer to this check"))


def vector(tensors: Any, like: Mapping[str, torch.Tensor], what: str = "parameter") -> Floats:
    """The named tensors, in the order and shapes of `like`, as one vector."""
    seen = fields(tensors, *like)
    parts = [
        expect_finite(
            expect_shape(seen[name], tuple(tensor.shape), f"{what} {name}"), f"{what} {name}"
        )
        for name, tensor in like.items()
    ]
    return np.concatenate([np.zeros(0), *(part.astype(np.float64).ravel() for part in parts)])


def updates(after: Any, before: Mapping[str, torch.Tensor]) -> Floats:
    """How far the parameters have moved, as one vector."""
    return vector(after, before) - vector(before, before)


def likely_mistake(
    seen: Any, mistakes: Mapping[str, Callable[[], Any]], tolerance: float, lead: str
) -> str:
    """A sentence that names the mistake which gives exactly what was seen, or nothing.

    Called only for answers that are not right. Where two mistakes are within the tolerance the
    closer one is named.
    """
    distances = {name: _distance(seen, make) for name, make in mistakes.items()}
    if not distances:
        return ""
    closest = min(distances, key=lambda name: distances[name])
    return f"{lead} {closest}." if distances[closest] <= tolerance else ""


def _distance(seen: Any, make: Callable[[], Any]) -> float:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # torch warns of some mistakes, of shapes that do not fit
            wrong = as_array(make())
    except RuntimeError:  # torch refuses some mistakes, among them a step before its backward
        return float("inf")
    return relative_difference(seen, wrong)
