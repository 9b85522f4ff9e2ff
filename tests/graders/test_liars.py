"""Whatever a box answers, a grader ends in a student's verdict and never in an error of ours.

The answers of the reference are damaged at random places: parts replaced by other types, removed,
or reshaped. None of this may end as `ungraded`, which would go to staff.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from autograder.grading.plugin import judge
from autograder.plain_data import Opaque
from autograder.scorecard import Verdict
from tests.graders.fake_box import FakeBox

GRADERS = Path(__file__).parents[2] / "autograder" / "graders"
FILES = sorted(GRADERS.glob("*/test_*.py"))
LIES: tuple[Any, ...] = (
    *(None, True, 3, -1, 0.5, float("nan"), float("inf"), "text", "", [], {}, (), [[]], {"a": 1}),
    *(10**30, [1, [2, 3]], {1: 2}, Opaque("Widget"), np.float64(2), np.int64(3), np.bool_(True)),
    *(np.zeros((2, 3)), np.array([True, False]), np.zeros(0), np.array(5.0), np.full(3, np.nan)),
    *(
        torch.zeros(2, 3),
        torch.tensor(1.0),
        torch.tensor(True),
        torch.zeros(0),
        torch.zeros(64, 64),
    ),
    *(torch.full((3,), torch.inf), torch.zeros(3, dtype=torch.bfloat16)),
)


def damaged(value: Any, rng: np.random.Generator, depth: int = 0) -> Any:
    """The value with one part, at any depth, replaced by a lie or removed."""
    if isinstance(value, dict) and value and (depth == 0 or rng.random() < 0.8):
        key = list(value)[rng.integers(len(value))]
        if rng.random() < 0.05:
            return {name: part for name, part in value.items() if name != key}
        return {**value, key: damaged(value[key], rng, depth + 1)}
    if isinstance(value, list | tuple) and value and rng.random() < 0.6:
        parts = list(value)
        index = int(rng.integers(len(parts)))
        parts[index] = damaged(parts[index], rng, depth + 1)
        return type(value)(parts)
    return LIES[rng.integers(len(LIES))]


class LyingBox(FakeBox):
    """Answers as the reference does, and damages some answers."""

    def __init__(self, cells: dict[str, str], seed: int) -> None:
        super().__init__(cells)
        self._rng = np.random.default_rng(seed)

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        if function == "short_run":  # its answer is the state alone, without training
            value: Any = dict(data["state"])
        else:
            value = super().ask(source, function, names, data)
        return damaged(value, self._rng) if self._rng.random() < 0.7 else value


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_lie_ends_in_an_error_of_ours(path: Path) -> None:
    cells = {"reference": (path.parent / "reference.py").read_text()}
    for seed in range(6):
        result = judge(path, LyingBox(cells, seed), b"liar", str(seed))
        assert result.trouble == ""
        for checks in result.checks.values():
            for check in checks:
                assert check.verdict is not Verdict.UNGRADED, check.staff_detail
