"""Comparisons whose messages a student may read.

A message says what was expected in words, what was seen, and what to try. It never carries an
expected value or a hidden input: a number that the grader computed stays here. Everything that comes
from the box is checked for its type before it is used, so that a lying object ends in a `Mismatch`
and never in an exception of ours.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import numpy.typing as npt

from autograder.plain_data import Opaque
from autograder.scorecard import counted

if TYPE_CHECKING:
    import torch


_SHORT = 20  # a string of so many characters is told as it is
_WORD = re.compile(r"[a-z]+(?:['’]s)?(?=[ ,]|$)")


class Mismatch(AssertionError):
    """The submission's data is not what the task asks for; the text is for the student."""


def is_tensor(value: Any) -> TypeGuard[torch.Tensor]:
    """Whether a value is one of torch's; where torch was not imported, which takes seconds, none is."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


class Explained(Mismatch):
    """A mismatch that a mistake explains which was told before: it comes without the check's own hint."""


def describe(value: Any) -> str:
    """A few words on a value for a message: its kind and shape, and of contents only a short string."""
    if is_tensor(value):
        kind = str(value.dtype).removeprefix("torch.")
        return f"{_article(kind)} tensor of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"{_article(str(value.dtype))} array of shape {value.shape}"
    if isinstance(value, Opaque):
        return _article(value.type_name)
    if value is None:
        return "None"
    if isinstance(value, str) and len(value) <= _SHORT:
        return f"the str {value!r}"
    if isinstance(value, list | tuple | dict | str):
        return f"{_article(type(value).__name__)} of length {len(value)}"
    return _article(type(value).__name__)


def expect(condition: bool, message: str) -> None:
    """Fail with a message for the student unless `condition` holds."""
    if not condition:
        raise Mismatch(message)


def expect_type(value: Any, kind: type | tuple[type, ...], what: str = "the result") -> Any:
    """`value` itself, if it is of `kind`; booleans are no numbers here."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = " or ".join(entry.__name__ for entry in kinds)
        raise Mismatch(f"{capital(what)} should be {_article(names)}; yours is {describe(value)}.")
    return value


def as_array(value: Any, what: str = "the result") -> npt.NDArray[Any]:
    """A real numeric array from a number, a list, an array or a tensor; a `Mismatch` for anything else."""
    array = _known_to_numpy(value)
    if isinstance(array, list | tuple | int | float | np.generic) and not isinstance(array, bool):
        try:
            array = np.asarray(array)
        except (ValueError, OverflowError):  # ragged
            array = None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise Mismatch(f"{capital(what)} should be numbers; yours is {describe(value)}.")
    return array


def _known_to_numpy(value: Any) -> Any:
    """Tensors as arrays, also within lists; NumPy has no bfloat16 and float8, so they become float32."""
    if isinstance(value, list | tuple):
        return [_known_to_numpy(part) for part in value]
    if not is_tensor(value):
        return value
    try:
        return value.numpy()
    except TypeError:
        return value.float().numpy()


def expect_shape(value: Any, shape: tuple[int, ...], what: str = "the result") -> npt.NDArray[Any]:
    """The value as an array of exactly this shape.

    The expected shape is part of the message: do not use it where the shape is the answer.
    """
    array = as_array(value, what)
    if array.shape != tuple(shape):
        raise Mismatch(
            f"{capital(what)} should have the shape {tuple(shape)}; yours has {array.shape}."
        )
    return array


def expect_finite(value: Any, what: str = "the result") -> npt.NDArray[Any]:
    """The value as an array without NaN and infinity."""
    array = as_array(value, what)
    if not np.isfinite(array).all():
        raise Mismatch(f"{capital(what)} should be finite; yours contains NaN or infinity.")
    return array


def expect_close(
    value: Any,
    desired: Any,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    what: str = "the result",
    hint: str = "",
) -> None:
    """Fail unless the values agree within `atol + rtol * |desired|`, elementwise, in the same shape."""
    array = expect_finite(value, what)
    wanted = as_array(desired)
    if array.shape != wanted.shape:
        raise Mismatch(_join(f"{capital(what)} has the wrong shape, {array.shape}.", hint))
    wrong = np.abs(array.astype(float) - wanted.astype(float)) > atol + rtol * np.abs(
        wanted.astype(float)
    )
    if wrong.any():
        if array.size == 1:
            seen = f"{capital(what)} is not right; yours is {array.item():.6g}."
        else:
            count = int(wrong.sum())
            are = "is" if count == 1 else "are"
            seen = f"{count} of {counted(wrong.size, 'value')} of {what} {are} not right."
        raise Mismatch(_join(seen, hint))


def expect_equal(value: Any, desired: Any, what: str = "the result", hint: str = "") -> None:
    """Fail unless plain data (numbers, strings, lists, tuples, dicts) is exactly equal and of its type."""
    same = type(value) is type(desired) or (
        isinstance(value, int | float)
        and isinstance(desired, int | float)
        and not isinstance(value, bool)
    )
    try:
        same = same and bool(value == desired)
    except (TypeError, ValueError, RuntimeError):  # tensors or arrays where there should be numbers
        same = False
    if not same:
        seen = repr(value) if isinstance(value, int | float | str | tuple) else describe(value)
        raise Mismatch(_join(f"{capital(what)} is not right; yours is {seen[:120]}.", hint))


def expect_differs(value: Any, other: Any, what: str = "the result", atol: float = 1e-6) -> None:
    """Fail if the two agree: one line that rules out a constant answer."""
    first, second = as_array(value, what), as_array(other, what)
    if first.shape == second.shape and np.allclose(first, second, atol=atol, rtol=0):
        raise Mismatch(
            f"{capital(what)} should change when its input changes; yours stays the same."
        )


def relative_difference(value: Any, desired: Any) -> float:
    """``‖value − desired‖ / ‖desired‖`` in the 2-norm over all elements; inf where it cannot be formed.

    For parameter updates this is the comparison to use: Adam's first steps are about
    ``±learning_rate`` whatever the gradient's size (Kingma and Ba, 2015, section 2.1), so rounding
    can flip the sign of single elements whose gradient is nearly zero, while a different training
    loop moves the whole vector.
    """
    first, second = as_array(value).astype(np.float64), as_array(desired).astype(np.float64)
    if first.shape != second.shape or not np.isfinite(first).all():
        return float("inf")
    scale = float(np.linalg.norm(second))
    distance = float(np.linalg.norm(first - second))
    return distance / scale if scale > 0 else (0.0 if distance == 0 else float("inf"))


def capital(text: str) -> str:
    """The text as it begins a sentence; code, such as `copies['0']` or `make_loaders`, stays as it is."""
    return text[:1].upper() + text[1:] if _WORD.match(text) else text


def _article(names: str) -> str:
    return f"an {names}" if names[:1] in tuple("aeioAEIO") else f"a {names}"  # a uint8


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)
