"""Every case of the corpus gets the scorecard that stands beside it.

`tests/submissions/README.md` explains the format of a case.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import matplotlib
import pytest

from autograder.grading.plugin import Judged, judge
from autograder.grading.student import BoxLike
from autograder.scorecard import Item, Verdict

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
GRADERS = ROOT / "autograder" / "graders" / "vgg16"
CASES = sorted(path.parent for path in HERE.glob("*/scorecard.json"))

POINTS: dict[str, dict[str, float]] = {
    "1_data_and_head": {"make_transform": 3, "make_loaders": 5, "swap_head": 10},
    "2_parameters": {
        "conv2d_parameters": 4,
        "linear_parameters": 4,
        "parameter_table": 6,
        "count_parameters": 8,
    },
    "3_training": {
        "pick_device": 2,
        "make_criterion_and_optimizer": 4,
        "train_epoch": 12,
        "validate": 6,
        "fit": 6,
        "plot_history": 2,
    },
    "4_kernels": {
        "copy_kernels": 4,
        "kernel_mosaic": 6,
        "channel_mosaic": 4,
        "plot_kernel_change": 2,
    },
}

matplotlib.use("agg")


def open_box(cells: dict[str, str]) -> BoxLike:
    """The box in which a case's cells run: the one place to choose it."""
    from tests.graders.fake_box import FakeBox

    return Remembering(FakeBox(cells), cells)


class Remembering:
    """Lets cases that train alike share one short run, which takes most of their time."""

    known: ClassVar[dict[str, Any]] = {}

    def __init__(self, box: BoxLike, cells: dict[str, str]) -> None:
        self._box = box
        trained_by = ("train_epoch", "make_criterion_and_optimizer", "fit")
        self._cells = repr([cells.get(name) for name in trained_by])

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        if function != "short_run":
            return self._box.ask(source, function, names, data)
        key = f"{self._cells} {data['seed']}"
        if key not in self.known:
            self.known[key] = self._box.ask(source, function, names, data)
        return self.known[key]


def cells_of(case: Path) -> dict[str, str]:
    """The reference, followed by the case's own cells, which take the place of the reference's."""
    cells = {"reference": (GRADERS / "reference.py").read_text()}
    return cells | {path.stem: path.read_text() for path in sorted(case.glob("*.py"))}


def judged(case: Path, notebook: str) -> Judged:
    grader = GRADERS / f"test_{notebook}.py"
    return judge(grader, open_box(cells_of(case)), b"corpus", notebook)


def items_of(result: Judged, notebook: str) -> dict[str, Item]:
    return {
        f"{name}_tests": Item(
            f"{name}_tests", points, checks=result.checks.get(f"{name}_tests", ())
        )
        for name, points in POINTS[notebook].items()
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_a_case_gets_its_scorecard(case: Path) -> None:
    wanted = json.loads((case / "scorecard.json").read_text())
    result = judged(case, wanted["notebook"])
    assert result.trouble == ""
    for grade_id, item in items_of(result, wanted["notebook"]).items():
        expected: dict[str, Any] = wanted["items"].get(
            grade_id, {"verdict": "passed", "score": item.max_score}
        )
        assert item.verdict is not None, grade_id
        seen = f"{grade_id}: {item.verdict.value}, {item.score}: {item.hint}"
        details = "\n".join(check.staff_detail for check in item.checks)
        assert item.verdict is not Verdict.UNGRADED, seen + details
        assert (item.verdict.value, item.score) == (expected["verdict"], expected["score"]), seen
        assert expected.get("hint", "") in item.hint, seen


def test_the_corpus_covers_every_item() -> None:
    """One right variant and two wrong ones, at least, for each of the autograded items."""
    right: dict[str, int] = {}
    wrong: dict[str, int] = {}
    for case in CASES:
        item = case.name.partition("__")[0]
        count = right if json.loads((case / "scorecard.json").read_text())["right"] else wrong
        count[item] = count.get(item, 0) + 1
    for names in POINTS.values():
        for name in names:
            assert right.get(name, 0) >= 1, name
            assert wrong.get(name, 0) >= 2, name


def test_a_right_case_expects_full_points_and_a_wrong_one_does_not() -> None:
    for case in CASES:
        card = json.loads((case / "scorecard.json").read_text())
        assert card["right"] == (not card["items"]), case.name
        assert {path.stem for path in case.glob("*.py")} <= set(POINTS[card["notebook"]]), case.name
