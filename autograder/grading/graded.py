"""The marks that tie a hidden test to a grade cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

F = TypeVar("F", bound=Callable[..., Any])


def graded(grade_id: str, weight: float = 1.0) -> Callable[[F], F]:
    """Tie a test to the grade cell `grade_id`; tests of one cell share its points by `weight`.

    The first line of the test's docstring is the row that the student sees; the rest is the hint
    that is shown when the test fails. Neither may carry an expected value or a hidden input.
    """
    return _marked(grade_id, weight, bonus=False)


def bonus(grade_id: str, weight: float = 1.0) -> Callable[[F], F]:
    """Tie a test to a bonus item: as `graded`, and left out where nothing was handed in for it.

    The file that was handed in is `bonus_files[grade_id]`, of the fixture `bonus_files`. What the item
    may give, and for which file, stands in the assignment's `contract.toml`.
    """
    return _marked(grade_id, weight, bonus=True)


def _marked(grade_id: str, weight: float, *, bonus: bool) -> Callable[[F], F]:
    if weight <= 0:
        raise ValueError(f"The weight of a graded test must be positive, not {weight}.")

    def mark(function: F) -> F:
        if not function.__doc__:
            raise ValueError(
                f"{function.__name__} needs a docstring: its first line is the row students see."
            )
        marked = pytest.mark.graded(grade_id=grade_id, weight=weight, bonus=bonus)
        return marked(function)  # type: ignore[no-any-return]

    return mark
