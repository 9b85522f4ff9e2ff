"""What the benchmarks' figures stand on: that all systems are asked the same, and how it is counted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from autograder.grading.plugin import judge
from tests.benchmarks.against_peers import wanted_marks
from tests.benchmarks.meter import measure
from tests.benchmarks.peers.assignment import (
    POINTS,
    SETUP,
    TASKS,
    dedented,
    marks_of_the_wrong_one,
    right_solutions,
    wrong_solutions,
)
from tests.benchmarks.thousand import Progress
from tests.graders.fake_box import FakeBox

HIDDEN = Path(__file__).parent / "benchmarks/peers/hidden_network.py"
STYLES = 96  # combinations


def test_no_two_right_submissions_are_alike() -> None:
    made = {tuple(right_solutions(number).values()) for number in range(3 * STYLES)}
    assert len(made) == 3 * STYLES
    styles = {solution for number in range(STYLES) for solution in right_solutions(number).values()}
    assert styles == {dedented(style) for task in TASKS for style in task.right}


def test_the_class_has_one_submission_with_mistakes() -> None:
    totals = [sum(marks.values()) for marks in wanted_marks(3).values()]
    assert totals == [26.0, 26.0, 26.0, 16.0]


CLASS = {
    "first styles": (right_solutions(0), POINTS),
    "last styles": (right_solutions(STYLES - 1), POINTS),
    "mistakes": (wrong_solutions(), marks_of_the_wrong_one()),
}


@pytest.mark.parametrize(("solutions", "marks"), CLASS.values(), ids=CLASS)
def test_the_peers_hidden_tests_and_ours_give_the_same_marks(
    solutions: dict[str, str], marks: dict[str, float]
) -> None:
    theirs = {}
    for task in TASKS:
        names: dict[str, Any] = {}
        exec("\n".join([SETUP, *solutions.values()]), names)
        try:
            exec(dedented(task.hidden), names)
            theirs[task.name] = float(task.points)
        except AssertionError:
            theirs[task.name] = 0.0
    box = FakeBox({"setup": SETUP, **solutions})
    found = judge(HIDDEN, box, b"secret", "submission")
    assert found.trouble == ""
    ours = {
        grade_id.removesuffix("_tests"): sum(
            POINTS[grade_id.removesuffix("_tests")] for check in checks if check.verdict == "passed"
        )
        for grade_id, checks in found.checks.items()
    }
    assert theirs == ours == marks


def test_processor_time_is_counted_with_what_nobody_waits_for(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    leave = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {burn!r}])"
    # The pipe's end tells that the grandchild has ended, which nobody has waited for.
    command = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {leave!r}], stdout=-1)"
    )
    cost = measure([sys.executable, "-c", command], tmp_path)
    assert cost.returncode == 0, cost.output
    assert cost.cpu_s >= 0.3 or not cost.whole


def test_seconds_a_submission_are_counted_between_looks() -> None:
    progress = Progress(Path("nowhere"))
    progress.seen = [
        (0.0, 0, {}, 0.0),
        (5.0, 10, {"main": 100.0}, 9.0),
        (10.0, 30, {"main": 300.0}, 13.0),
    ]
    assert progress.seconds(0, 10) == 5.0
    assert progress.seconds(10, 30) == 5.0
    assert progress.seconds(0, 20) == 7.5
    assert progress.cpu_seconds(10, 20) == 2.0
    assert progress.memory(20, 30, "main") == 300.0
    assert progress.memory(20, 30, "box") == 0.0
