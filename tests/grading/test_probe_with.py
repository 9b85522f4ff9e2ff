"""A probe whose parameters are settled: functions that are shipped with it, other names for the student's."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.grading import Student, probe
from tests.graders.fake_box import FakeBox


@probe
def measured(function: Any, build: Any, size: int) -> Any:
    """What a student's function makes of something that is built in the box."""
    return function(build(size))


def row(size: int) -> list[int]:
    return [1] * size


def helped(size: int) -> list[int]:
    return [*row(size), 2]


def other_row() -> Any:
    def row(size: int) -> list[int]:
        return [3] * size

    return row


def test_functions_are_shipped_and_the_students_names_looked_up() -> None:
    student = Student(FakeBox({"notebook": "def mine(values):\n    return sum(values)\n"}))
    settled = measured.with_(build=row, function="mine")
    assert settled.parameters == ("function", "size")
    assert student.run(settled, size=4) == 4
    assert settled(len, size=3) == 3
    assert measured.parameters == ("function", "build", "size")


def test_helpers_of_what_is_given_come_along() -> None:
    student = Student(FakeBox({"notebook": "def function(values):\n    return values\n"}))
    assert student.run(measured.with_(build=helped, uses=(row,)), size=1) == [1, 2]


def test_what_cannot_be_settled_is_refused() -> None:
    with pytest.raises(ValueError, match="no parameter colour"):
        measured.with_(colour="red")
    with pytest.raises(ValueError, match="a function with a name"):
        measured.with_(build=lambda size: size)
    with pytest.raises(ValueError, match="uses row, which it does not bring"):
        measured.with_(build=helped)
    with pytest.raises(ValueError, match="two functions of the name row"):
        measured.with_(build=helped, uses=(row, other_row()))
