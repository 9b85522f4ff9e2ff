"""Short runs that must learn, for any task; thresholds from a file, runs for `autograder calibrate`."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from autograder.errors import KitError, StudentRaised
from autograder.grading import Challenge, Device, Mismatch, Student
from autograder.grading.training import (
    Budget,
    Goal,
    Result,
    ShortRun,
    Task,
    answers_well,
    expect_reached,
    loss_falls,
    loss_is_small,
)
from tests.graders.fake_box import FakeBox

GOALS = (loss_falls(), loss_is_small("point", limit=2.0))
FIT = """
import torch
def train(net, batches, rates, epochs):
    optimizer = torch.optim.SGD(net.parameters(), lr=rates["all"])
    for _ in range(epochs):
        for inputs, labels in batches:
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(net(inputs), labels).backward()
            optimizer.step()
"""


def line(width: int) -> Any:
    from torch import nn

    return nn.Linear(width, 1)


def points(
    rng: np.random.Generator, count: int, *, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = rng.normal(size=(count, width))
    return torch.from_numpy(inputs).float(), torch.from_numpy(inputs[:, :1] + 3).float()


def call(
    train: Any, net: Any, loader: Any, _test: Any, epochs: Any, learning_rate: Any, _device: Any
) -> Any:
    return train(net, loader, learning_rate, epochs)


@pytest.fixture
def short(tmp_path: Path) -> ShortRun:
    """Regression by a layer, with thresholds in a file."""
    file = tmp_path / "thresholds.json"
    file.write_text(json.dumps({"lines": {"drawn": {"loss_ratio": 0.2, "hidden_loss": 0.5}}}))
    return ShortRun(
        task=Task(line, points, options=lambda _rng: {"width": 3}, loss="MSELoss", noun="point"),
        budget=Budget(40, 8, 20, epochs=6, batch_size=8, learning_rate={"all": 0.1}),
        goals=GOALS,
        file=file,
        function="train",
        call=call,
        test="lines",
    )


def learns(short: ShortRun, fit: str, secret: bytes = b"a") -> None:
    short.expect_learns(Student(FakeBox({"fit": fit})), Challenge(secret, "", ""), Device())


def test_a_right_fit_reaches_its_goals_and_a_wrong_one_reads_which_it_missed(
    short: ShortRun,
) -> None:
    student = Student(FakeBox({"fit": FIT}))
    short.expect_learns(student, Challenge(b"a", "", ""), Device())
    assert [(one.name, one.needed, one.reached) for one in student.figures] == [
        ("loss_ratio", 0.2, True),
        ("hidden_loss", 0.5, True),
    ]
    with pytest.raises(Mismatch, match="did not fall enough: yours went from"):
        learns(short, FIT.replace("optimizer.step()", "pass"))
    strict = replace(short, goals=GOALS[1:])
    with pytest.raises(Mismatch, match=r"on new points is too large; yours is \d"):
        learns(strict, FIT.replace("range(epochs)", "range(1)"))


def test_examples_that_decide_never_reach_the_box(short: ShortRun) -> None:
    run = short.drawn(7)
    inputs, labels = points(np.random.default_rng(7), 68, width=3)
    for name, part in (("inputs", inputs[:40]), ("test_inputs", inputs[40:48])):
        assert torch.equal(run.data[name], part)
    sent = [tensor for tensor in run.data.values() if isinstance(tensor, torch.Tensor)]
    assert not any((tensor == inputs[-1, 0]).any() for tensor in sent)
    assert torch.equal(run.judge(run.data["state"]).labels, labels[48:])


def test_a_run_may_begin_with_trained_parameters_and_take_prepared_inputs(short: ShortRun) -> None:
    ready = {"weight": torch.tensor([[0.5, 0.0, 0.0]]), "bias": torch.tensor([3.0])}
    halved = replace(short, start=lambda _options, _seed: ready, prepare=doubled)
    result = halved.drawn(1).judge(ready)
    assert result.first_loss == result.last_loss == pytest.approx(0, abs=1e-12)
    assert short.drawn(1).judge(ready).first_loss > 0.1


def doubled(inputs: Any) -> Any:
    return 2 * inputs


def test_what_came_back_is_judged_whatever_it_is(short: ShortRun) -> None:
    run = short.drawn(1)
    for lie in (None, {}, {"weight": torch.zeros(1, 3)}, run.data["state"] | {"bias": "0"}):
        with pytest.raises(Mismatch):
            run.judge(lie)
    with pytest.raises(StudentRaised):
        learns(short, "def train(*_):\n    raise ValueError")


def test_a_goal_has_the_threshold_of_its_kind_of_examples(short: ShortRun) -> None:
    assert short.thresholds == {"loss_ratio": 0.2, "hidden_loss": 0.5}
    with pytest.raises(
        KitError, match=r"no thresholds of \w+ for photographs examples .*calibrate"
    ):
        _ = replace(short, kind="photographs").thresholds


def trained(net: Any, batches: Any, _test: Any, epochs: int, rates: Any, _device: Any) -> None:
    namespace: dict[str, Any] = {}
    exec(FIT, namespace)
    namespace["train"](net, batches, rates, epochs)


def broken(net: Any, *_: Any) -> None:
    net.bias.data.fill_(float("nan"))


def test_calibration_makes_the_same_runs_and_says_what_they_depend_on(short: ShortRun) -> None:
    offered = short.calibration(
        trained,
        {"nothing were trained": lambda *_: None, "it broke": broken},
        data_set="points",
        reference=(trained,),
        mistakes=(broken,),
    )
    assert offered.right(3) == short.figures(trained, 3) == offered.right(3)
    right, nothing = offered.right(3), offered.wrong["nothing were trained"](3)
    assert right is not None
    assert nothing is not None
    assert right["loss_ratio"] < nothing["loss_ratio"] == 1
    assert offered.wrong["it broke"](3) is None
    assert [criterion.name for criterion in offered.criteria] == [*right]
    longer = replace(short, budget=replace(short.budget, epochs=7))
    begun = replace(short, start=lambda _options, _seed: {})
    for other in (longer, begun):
        again = other.calibration(
            trained, {}, data_set="points", reference=(trained,), mistakes=(broken,)
        )
        assert again.key != offered.key


RESULT = Result(2.0, 0.5, 0.25, torch.eye(4), torch.tensor([0, 1, 2, 0]))


@pytest.mark.parametrize(
    ("goal", "figure", "says"),
    [
        (loss_falls(), 0.25, "from 2.00 to 0.50"),
        (loss_falls(far=True), 0.25, "from 2.00 to 0.50"),
        (answers_well("word", 4, 0.25), 0.75, "only 75% of new words"),
        (loss_is_small("word", 1.0), 0.25, "yours is 0.25"),
    ],
)
def test_a_goal_is_a_figure_with_a_scale_that_grows_with_badness(
    goal: Goal, figure: float, says: str
) -> None:
    name, better = goal.criterion.name, -0.01 if goal.criterion.smaller_is_better else 0.01
    assert goal.figure(RESULT) == figure
    expect_reached(RESULT, [goal], {name: figure})
    student = Student(FakeBox({}))
    with pytest.raises(Mismatch, match=says):
        expect_reached(RESULT, [goal], {name: figure + better}, student)
    assert [(one.seen, one.reached) for one in student.figures] == [(figure, False)]
    nothing = replace(RESULT, last_loss=math.nan, hidden_loss=math.inf)
    if name != "accuracy":
        with pytest.raises(Mismatch):
            expect_reached(nothing, [goal], {name: 1.0}, student)
        assert len(student.figures) == 1, "what is no number is not noted: JSON has none"
    values = np.array([0.2, 0.5, 0.8])
    badness = goal.criterion.badness(values)
    back = [goal.criterion.figure(float(value)) for value in badness]
    assert back == pytest.approx(values.tolist())
    assert (np.diff(badness) > 0).all() == goal.criterion.smaller_is_better
