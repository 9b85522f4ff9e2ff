"""An untouched stub below what it should define is put above it, however the name came there."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course.claims import bound_names
from tests.damages import STUBS, add, cell_of, handed_in, source_of, taken_in

WAYS = {
    "imported from a module beside": "from mine import mean",
    "imported among others": "from mine import (\n    double as twice,\n    total as mean,\n)",
    "imported with a remark": "from mine import (  # of mine\n    double,  # twice (x)\n    total as mean,\n)",
    "in a condition": "if True:\n    def mean(values):\n        return sum(values) / len(values)",
    "with another way out": "try:\n    from fast import mean\nexcept ImportError:\n    mean = None",
    "after a function": "def other():\n\treturn 1\n\nmean = lambda values: 1",
    "within a block in a block": "for _ in [1]:\n    with open('x') as file:\n        class mean: ...",
}
UNNAMED = {"a star import": "from mine import *", "a notebook that is run": "%run mine.ipynb"}
OTHERS = {
    "within a function": "def other():\n    def mean(values):\n        return 1\n    from mine import mean",
    "after an empty line in a function": "def other():\n\n    mean = 1\n    return mean",
    "in a remark": "from mine import (  # mean,\n    double,\n)",
    "in use only": "print(mean([1, 2]) == 1)",
}


def repaired(folder: Path, text: str) -> tuple[bool, str]:
    """Whether the stub of `mean` stands below a cell with this text, and what is said."""
    data = handed_in()
    cell_of(data, "mean")["source"] = STUBS["mean"]
    add(data, "mean", "code", text)
    submission = taken_in(folder, source_of(folder), data)
    cells = [*submission.cells]
    stub = next(
        number for number, cell in enumerate(cells) if cell.strip() == STUBS["mean"].strip()
    )
    return stub > cells.index(text), "; ".join(submission.repairs)


@pytest.mark.parametrize("text", WAYS.values(), ids=WAYS)
def test_what_is_defined_above_a_stub_counts(tmp_path: Path, text: str) -> None:
    below, told = repaired(tmp_path, text)
    assert not below
    assert "stub of `mean` stood below a cell that defines it" in told


@pytest.mark.parametrize("text", UNNAMED.values(), ids=UNNAMED)
def test_what_may_be_defined_counts_and_nothing_is_said(tmp_path: Path, text: str) -> None:
    assert repaired(tmp_path, text) == (False, "")


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_what_is_not_defined_moves_no_stub(tmp_path: Path, text: str) -> None:
    assert repaired(tmp_path, text) == (True, "")


def test_names_of_a_cell_that_is_no_python() -> None:
    assert bound_names("%%time\n!ls\ndef (:\n  if\nmean = 1") == {"mean"}


def test_brackets_that_do_not_end_are_read_once() -> None:
    """Each read to the end of the text, they would take hours."""
    assert bound_names("from a import (\n" * 10**5) <= {"import"}
