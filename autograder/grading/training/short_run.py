"""Short runs that must learn: from real training, with thresholds that a right fit all but never misses.

The box gets training examples with labels, and some to validate on. The examples that decide are drawn with
the run's seed as well, and never sent. The parameters come back as data, and what they are worth is
computed here, in a network of ours. Thresholds are results of chance, so they are measured:
`autograder calibrate` makes the same runs with right and wrong fits, and writes `thresholds.json`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autograder.errors import KitError
from autograder.grading.calibration import Calibration, short_digest, source_digest
from autograder.grading.compare import Mismatch
from autograder.grading.device import Device
from autograder.grading.probe import Probe, probe
from autograder.grading.replies import fields, vector
from autograder.grading.student import Challenge, Student
from autograder.grading.training.fit_challenges import Fit
from autograder.grading.training.goals import Goal, Result, expect_reached, figures_of
from autograder.grading.training.steady import STEADY, remembered, steady
from autograder.grading.training.task import (
    Examples,
    Task,
    Tensors,
    as_called,
    as_they_are,
    drawn_state,
)

Source = Callable[[int, int], Examples]  # so many examples, by a seed


@dataclass(frozen=True)
class Budget:
    """How large a run is.

    Attributes:
        examples: to train on.
        seen: to validate on; the box gets them with their labels.
        hidden: that decide; the box gets none of them.
        learning_rate: what the fit is called with; several rates as a dict, for `call` to take apart.
        at_once: examples in a forward pass on our side.
    """

    examples: int
    seen: int
    hidden: int
    epochs: int
    batch_size: int
    learning_rate: float | Mapping[str, float]
    at_once: int = 1000

    @property
    def total(self) -> int:
        return self.examples + self.seen + self.hidden


@probe(uses=(*STEADY, remembered))
def short_run(
    fit: Any,
    build: Any,
    call: Any,
    prepare: Any,
    state: Any,
    inputs: Any,
    labels: Any,
    test_inputs: Any,
    test_labels: Any,
    batch_size: int,
    options: Any,
    epochs: int,
    learning_rate: Any,
    device_name: str,
    seed: int,
    gpu_here: bool,
) -> Any:
    """Train a network by fit; the state after it.

    Where there is a GPU (`gpu_here`), which a run on the CPU is not to use, a notebook is not to see it.
    """
    import contextlib

    import torch
    from torch.utils.data import DataLoader, TensorDataset

    def loader(inputs: Any, labels: Any, shuffle: bool) -> Any:
        order = torch.Generator().manual_seed(seed)
        data = TensorDataset(prepare(inputs), labels)
        return DataLoader(data, batch_size=batch_size, shuffle=shuffle, generator=order)

    net = build(**options)
    net.load_state_dict(state)
    loaders = loader(inputs, labels, True), loader(test_inputs, test_labels, False)
    with contextlib.ExitStack() as stack:
        if gpu_here:
            stack.enter_context(steady(device_name))
            stack.enter_context(remembered(fit, device_name != "cpu"))
        stack.enter_context(torch.random.fork_rng(devices=[]))
        torch.manual_seed(seed)
        call(fit, net, *loaders, epochs, learning_rate, torch.device(device_name))
    return {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()}


class Run:
    """One run: its examples and its network as drawn, and what became of them.

    Attributes:
        data: what the probe is asked with.
    """

    def __init__(
        self,
        task: Task,
        options: Mapping[str, Any],
        state: Tensors,
        examples: Examples,
        budget: Budget,
        seed: int,
        prepare: Callable[[torch.Tensor], torch.Tensor] = as_they_are,
        device_name: str = "cpu",
    ) -> None:
        """Hold a run.

        Args:
            options: of the task's network.
            state: its parameters and buffers before the run.
            examples: as many as the budget's `total`: to train on, seen, hidden.
            prepare: makes a network's inputs of the examples' inputs.
        """
        sizes = [budget.examples, budget.seen, budget.hidden]
        (train, seen, hidden), (labels, seen_labels, hidden_labels) = (
            torch.split(part, sizes) for part in examples
        )
        self._task, self._options, self._state = task, dict(options), dict(state)
        self._prepare, self._device_name, self._at_once = prepare, device_name, budget.at_once
        self._train, self._hidden = (train, labels), (hidden, hidden_labels)
        self.data: dict[str, Any] = {
            "state": self._state,
            "inputs": train,
            "labels": labels,
            "test_inputs": seen,
            "test_labels": seen_labels,
            "batch_size": budget.batch_size,
            "options": self._options,
            "epochs": budget.epochs,
            "learning_rate": budget.learning_rate,
            "device_name": device_name,
            "seed": seed,
        }

    def judge(self, state: Any) -> Result:
        """What the parameters that came back are worth.

        Raises:
            Mismatch: when they are not those of the network, or not all finite.
        """
        returned = fields(state, *self._state)
        for name, tensor in self._state.items():  # one at a time: they may be large
            vector({name: returned[name]}, {name: tensor})  # shape and finite values, or a Mismatch
        first, _ = self._measure(self._state, self._train)
        last, _ = self._measure(returned, self._train)
        hidden, outputs = self._measure(returned, self._hidden)
        return Result(first, last, hidden, outputs, self._hidden[1])

    def _measure(self, state: Mapping[str, Any], examples: Examples) -> tuple[float, torch.Tensor]:
        """The loss, and the outputs."""
        tensors = {name: torch.as_tensor(state[name]) for name in self._state}
        net = self._task.network(self._options, tensors)
        net.to(self._device_name).eval()
        inputs, labels = examples
        parts = []
        with torch.no_grad(), steady(self._device_name, "tf32"):
            for part in torch.split(inputs, self._at_once):
                parts.append(net(self._prepare(part.to(self._device_name))).float().cpu())
            outputs = torch.cat(parts)
            loss = self._task.criterion()(self._task.activation(outputs), labels)
        return float(loss), outputs


@dataclass(frozen=True)
class ShortRun:
    """A run by a student's fit, for a hidden test and for `autograder calibrate`.

    Attributes:
        task: the network, its loss, and, where there is no source, its examples. It should learn within a
            second or two.
        goals: what the run must reach.
        file: the graders' thresholds.json.
        source: draws examples by count and seed, from the course's own data, say; None takes the task's.
        kind: of examples, the key of thresholds.json below `test`.
        start: parameters and buffers before the run, `(options, seed)`: a trained network, say. By
            default those that `build` draws.
        prepare: makes a network's inputs of the examples' inputs, where these travel in another form
            (bytes); shipped into the box.
        function: the fit's name in the student's notebook.
        call: how it is called, `(function, net, train_loader, test_loader, epochs, learning_rate,
            device)`; shipped into the box.
        test: a key of thresholds.json.
    """

    task: Task
    budget: Budget
    goals: tuple[Goal, ...]
    file: Path
    source: Source | None = None
    kind: str = "drawn"
    start: Callable[[Mapping[str, Any], int], Tensors] | None = None
    prepare: Callable[[torch.Tensor], torch.Tensor] = as_they_are
    function: str = "fit"
    call: Callable[..., Any] = as_called
    test: str = "short_run"

    def drawn(self, seed: int) -> Run:
        """The run of a seed."""
        rng = np.random.default_rng(seed)
        options = self.task.options(rng)
        total = self.budget.total
        if self.source is None:
            examples = self.task.examples(rng, total, **options)
        else:
            examples = self.source(total, seed)
        if self.start is None:
            state: Tensors = drawn_state(lambda: self.task.build(**options), seed)
        else:
            state = self.start(options, seed)
        return Run(self.task, options, state, examples, self.budget, seed, self.prepare)

    @property
    def thresholds(self) -> dict[str, float]:
        """By the names of the goals' criteria.

        Raises:
            KitError: when none were found for this kind of examples; calibrate first.
        """
        names = [goal.criterion.name for goal in self.goals]
        try:
            entry = json.loads(self.file.read_text())[self.test][self.kind]
            return {name: entry[name] for name in names}
        except (OSError, ValueError, LookupError) as error:
            raise KitError(
                f"{self.file.name} has no thresholds of {self.test} for {self.kind} examples "
                f"({', '.join(names)}). Run `autograder calibrate` for this assignment."
            ) from error

    @property
    def lucky(self) -> set[str]:
        """The mistakes with which some runs reach the goals and some do not, as calibration has seen.

        For `FitChecks.expect_no_luck`: no draw is to decide.
        """
        found = json.loads(self.file.read_text())[self.test][self.kind]["found"]
        return {name for name, seen in found["power"].items() if 0 < seen.get("all", 0) < 1}

    def result_of(self, student: Student, challenge: Challenge, device: Device) -> Result:
        """How the network does that the student's fit has trained, on the CPU."""
        run = self.drawn(challenge.seed)
        ask = self._probe(self.call, fit=self.function)
        return run.judge(student.run(ask, **run.data, gpu_here=device.has_gpu))

    def expect_learns(self, student: Student, challenge: Challenge, device: Device) -> None:
        """Fail unless the student's fit reaches every goal."""
        result = self.result_of(student, challenge, device)
        expect_reached(result, self.goals, self.thresholds, student)

    def _probe(self, call: Callable[..., Any], **function: str) -> Probe:
        return self.task.probe(short_run, call, **function).with_(prepare=self.prepare)

    def figures(self, fit: Fit, seed: int) -> dict[str, float] | None:
        """What a fit of ours, called as the lecture's is, comes to; None where the parameters broke."""
        run = self.drawn(seed)
        try:
            result = run.judge(self._probe(as_called)(fit, **run.data, gpu_here=False))
        except Mismatch:
            return None
        return figures_of(result, self.goals)

    def calibration(
        self,
        right: Fit,
        wrong: Mapping[str, Fit],
        *,
        data_set: str,
        reference: Sequence[Callable[..., Any]],
        mistakes: Sequence[Callable[..., Any]],
    ) -> Calibration:
        """What `calibrate.py` offers: these runs with a right fit and with wrong ones.

        Args:
            right: called as the lecture's fit is, `(net, train_loader, test_loader, epochs, learning_rate,
                device)`, whatever the students' is.
            wrong: likewise, by the words that name them.
            data_set: changes when the examples do, or the parameters from which a run starts.
            reference: all functions that `right` is made of.
            mistakes: functions in whose files the wrong fits are written.
        """

        def of(fit: Fit) -> Callable[[int], dict[str, float] | None]:
            return lambda seed: self.figures(fit, seed)

        task = self.task
        begins = (drawn_state,) if self.start is None else (self.start,)
        budget = asdict(self.budget)
        del budget["at_once"]  # no figure depends on it
        files = sorted({Path(inspect.getfile(part)) for part in mistakes})
        return Calibration(
            test=self.test,
            images=self.kind,
            criteria=tuple(goal.criterion for goal in self.goals),
            made_from={
                "data_set": data_set,
                "network": source_digest(task.build, *task.uses, *begins),
                "budget": budget,
                "short_run": source_digest(short_run.function, Run, ShortRun.drawn),
                "reference": source_digest(*reference),
                "versions": {"torch": torch.__version__, "numpy": np.__version__},
            },
            right=of(right),
            wrong={name: of(fit) for name, fit in wrong.items()},
            wrong_digest=short_digest(*(file.read_bytes() for file in files)),
        )
