"""No message of a comparison carries what the grader expected, whatever came back from the box."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from autograder.grading import (
    Mismatch,
    expect_close,
    expect_differs,
    expect_equal,
    expect_shape,
    expect_type,
    relative_difference,
)
from autograder.plain_data import Opaque

ODD: list[Any] = [
    None,
    True,
    "text",
    b"",
    object(),
    Opaque("Liar"),
    [],
    (),
    {},
    {"a": 1},
    [[1], [2, 3]],
    [None],
    ["1.0"],
    [1e400],
    10**400,
    float("nan"),
    float("inf"),
    -1,
    0,
    np.array([]),
    np.array(["a"]),
    np.zeros((2, 0)),
    np.float16(1),
    torch.zeros(0),
    torch.tensor(True),
    torch.tensor([float("nan")]),
    torch.tensor([1.5], dtype=torch.bfloat16),
    torch.ones(2).to(torch.float8_e5m2),
    [torch.tensor(1.5, dtype=torch.bfloat16), 2.0],
    [torch.ones(2), torch.ones(3)],
    torch.tensor([2**62]),
]


def forms_of(number: float) -> set[str]:
    """How a number could stand in a message."""
    return {f"{number:.{digits}g}" for digits in (4, 6, 8, 12)} | {repr(number), f"{number:.4f}"}


def expected_values(generator: random.Random) -> list[tuple[Any, list[float]]]:
    numbers = [generator.uniform(1000, 9999) for _ in range(4)]
    single = numbers[0]
    return [
        (single, [single]),
        (int(single), [float(int(single))]),
        (np.array(numbers), numbers),
        (torch.tensor(numbers, dtype=torch.float64).reshape(2, 2), numbers),
        (numbers, numbers),
    ]


COMPARISONS: list[Callable[[Any, Any], Any]] = [
    lambda value, desired: expect_close(value, desired),
    lambda value, desired: expect_close(value, desired, what="the loss", hint="Which axis?"),
    lambda value, desired: expect_equal(value, desired),
    lambda value, desired: expect_differs(value, desired),
    lambda value, desired: relative_difference(value, desired),
]


@pytest.mark.parametrize("compare", COMPARISONS)
def test_no_message_carries_an_expected_value(compare: Callable[[Any, Any], Any]) -> None:
    generator = random.Random(3)
    messages = 0
    for _ in range(40):
        for desired, numbers in expected_values(generator):
            near = desired if isinstance(desired, int | float) else np.asarray(desired)
            for value in [*ODD, near * 1.5, near + 1, near * 0]:
                try:
                    compare(value, desired)
                except Mismatch as mismatch:
                    messages += 1
                    shown = set(re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", str(mismatch)))
                    secret = set().union(*map(forms_of, numbers))
                    assert not shown & secret, str(mismatch)
                    assert not {f"{n:.0f}" for n in numbers} & shown, str(mismatch)
    assert messages > 100


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_whatever_comes_back_ends_in_a_mismatch_or_a_verdict(value: Any) -> None:
    """A lying value is the student's mismatch, never an exception of ours."""
    calls: list[Callable[[], Any]] = [
        lambda: expect_close(value, 1.5),
        lambda: expect_close(value, np.ones((2, 2))),
        lambda: expect_equal(value, {"a": [1, 2]}),
        lambda: expect_equal(value, (1, 2)),
        lambda: expect_equal(value, 3),
        lambda: expect_equal(value, "word"),
        lambda: expect_shape(value, (2, 3)),
        lambda: expect_differs(value, np.ones(3)),
        lambda: expect_differs(np.ones(3), value),
        lambda: expect_type(value, dict),
        lambda: expect_type(value, (int, float)),
        lambda: relative_difference(value, np.ones(3)),
    ]
    for call in calls:
        try:
            call()
        except Mismatch:
            continue


def test_equality_of_nested_data_with_tensors_inside_is_a_mismatch_too() -> None:
    for value in ([torch.ones(2)], {"a": torch.ones(2)}, (np.ones(2),), torch.ones(2), np.ones(2)):
        for desired in ([1.0], {"a": 1.0}, (1.0,), 1.0, {"a": [1]}):
            try:
                expect_equal(value, desired)
            except Mismatch:
                continue


@pytest.mark.parametrize("good", [2, 2.0, np.float32(2), np.array(2), torch.tensor(2.0), [2][0]])
def test_a_right_number_is_right_in_any_form(good: Any) -> None:
    expect_close(good, 2.0)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.float8_e4m3fn, torch.uint8])
def test_right_numbers_are_right_in_every_type_of_torchs_and_within_lists(kind: Any) -> None:
    numbers = torch.tensor([1.0, 2.0]).to(kind)
    expect_close(numbers, [1.0, 2.0])
    expect_close([numbers, (1, 2.0)], [[1.0, 2.0], [1.0, 2.0]])


def test_what_is_no_numbers_is_named_as_what_came() -> None:
    with pytest.raises(Mismatch, match="yours is a list of length 2"):
        expect_close([torch.ones(2), torch.ones(3)], 1.0)


def test_true_is_no_number() -> None:
    with pytest.raises(Mismatch):
        expect_equal(True, 1)
    with pytest.raises(Mismatch):
        expect_close(True, 1)
    with pytest.raises(Mismatch):
        expect_type(True, int)
