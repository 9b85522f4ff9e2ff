"""Checks of a function that trains for epochs: `fit(net, train_loader, test_loader, epochs, learning_rate,
device)`, which makes its own optimizer and returns a history of losses and accuracies.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from autograder.grading.compare import describe, expect, expect_close, relative_difference
from autograder.grading.device import Device
from autograder.grading.probe import Probe, probe
from autograder.grading.replies import fields, likely_mistake, real, sequence, updates, vector
from autograder.grading.student import Challenge, Student
from autograder.grading.training.epoch import TOLERANCE
from autograder.grading.training.placement import expect_moved, gpu_or_stand_in, placed
from autograder.grading.training.steady import STEADY, held, remembered, steady
from autograder.grading.training.task import Drawn, Task

Fit = Callable[..., Any]  # of net, train_loader, test_loader, epochs, learning_rate, device
Optimizer = Callable[..., torch.optim.Optimizer]  # of parameters and lr

LOSS_TOLERANCE = 0.01  # relative; over 60 challenges right loops of three styles were off by 6e-7
MAY_DIFFER = 2  # test examples on the border between two classes, which rounding may turn


def lectures_call(
    fit: Any, net: Any, train: Any, test: Any, epochs: Any, learning_rate: Any, device: Any
) -> Any:
    """How `fit` is called where nothing else is said."""
    return fit(net, train, test, epochs, learning_rate, device)


@probe(uses=(*STEADY, remembered))
def fitted(
    fit: Any,
    build: Any,
    call: Any,
    state: Any,
    inputs: Any,
    labels: Any,
    test_inputs: Any,
    test_labels: Any,
    batch_size: int,
    options: Any,
    epochs: int,
    learning_rate: float,
    device_name: str,
    moved: bool,
) -> Any:
    """Call fit on a network in evaluation mode; its history and the state after it.

    Where there is a GPU (`moved`) everything lies on the device beforehand, and computes exactly.
    """
    import contextlib

    import torch
    from torch.utils.data import DataLoader, TensorDataset

    device = torch.device(device_name)
    net = build(**options)
    net.load_state_dict(state)
    net.eval()
    sets = [(inputs, labels), (test_inputs, test_labels)]
    with contextlib.ExitStack() as stack:
        if moved:
            stack.enter_context(steady(device_name))
            stack.enter_context(remembered(fit, device_name != "cpu"))
            sets = [(x.to(device), y.to(device)) for x, y in sets]
            held(net, device_name)
            net.to(device)
        loaders = [DataLoader(TensorDataset(*part), batch_size=batch_size) for part in sets]
        history = call(fit, net, *loaders, epochs, learning_rate, device)
    return {
        "history": {**history} if isinstance(history, dict) else history,
        "state": {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()},
    }


@probe(uses=(gpu_or_stand_in, remembered, placed))
def fit_placement(
    fit: Any,
    build: Any,
    call: Any,
    state: Any,
    inputs: Any,
    labels: Any,
    batch_size: int,
    options: Any,
    real: bool,
) -> Any:
    """Where the parameters of a network that lies on the CPU are while it is trained on "cuda"."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    with gpu_or_stand_in(real), remembered(fit, True):
        net = build(**options)
        net.load_state_dict(state)
        data = TensorDataset(inputs.to("cuda"), labels.to("cuda"))
        loader = DataLoader(data, batch_size=batch_size)
        seen: Any = {"inputs": [], "parameters": []}
        device = torch.device("cuda")
        return placed(lambda: call(fit, net, loader, loader, 1, 1e-3, device), net, seen)


@dataclass(frozen=True)
class FitChecks:
    """Checks of one fitting function.

    Attributes:
        task: a network that classifies, with batch normalisation.
        draw: draws what it is trained on, `(challenge, epochs)`; see `fit_challenge`.
        reference: a right one, called as the lecture's is.
        wrong: what is known to be wrong, by the words that name it behind "as if".
        function: its name in the student's notebook.
        call: how it is called, `(function, net, train_loader, test_loader, epochs, learning_rate,
            device)`; shipped into the box. It returns the history, a dict.
        keys: of the history: the training losses, and the test accuracies.
        moves: whether the network has to be moved to the device; not where `call` names none.
        statistics: whether the running statistics have to be right as well. Without it a batch that passes
            twice in training mode changes the accuracies in some draws enough to be seen, and in others not.
    """

    task: Task
    draw: Callable[[Challenge, int], Drawn]
    reference: Fit
    wrong: Mapping[str, Fit]
    function: str = "fit"
    call: Callable[..., Any] = lectures_call
    keys: tuple[str, str] = ("train_loss", "test_accuracy")
    moves: bool = True
    statistics: bool = False

    def drawn(self, challenge: Challenge, epochs: int) -> Drawn:
        """What is trained, for so many epochs."""
        return self.draw(challenge, epochs)

    def result_of(self, student: Student, drawn: Drawn, device: Device) -> dict[str, Any]:
        """The history, a dict, and the state that a fit came to."""
        ask = self._probe(fitted)
        reply = fields(student.run(ask, **drawn.data, moved=device.has_gpu), "history", "state")
        expect(
            isinstance(reply["history"], dict),
            f"{self.function} should return a dict; yours returns {describe(reply['history'])}.",
        )
        return reply

    def _probe(self, ask: Probe) -> Probe:
        task = self.task
        return ask.with_(build=task.build, call=self.call, fit=self.function, uses=task.uses)

    def histories(self, reply: dict[str, Any], epochs: int) -> tuple[list[float], list[float]]:
        """The losses and the accuracies of a history, checked."""
        history = reply["history"]
        curves = []
        for key in self.keys:
            expect(key in history, f"The history should have the key {key!r}.")
            values = sequence(history[key], f"history[{key!r}]")
            expect(
                len(values) == epochs,
                f"history[{key!r}] should have one entry an epoch; "
                f"yours has {len(values)} after {epochs}.",
            )
            curves.append([real(value, f"an entry of history[{key!r}]") for value in values])
        return curves[0], curves[1]

    def expect_history(self, student: Student, challenge: Challenge, device: Device) -> None:
        """Fail unless the history has one loss and one accuracy an epoch, of a network that was trained."""
        for epochs in (1, 3):
            drawn = self.drawn(challenge, epochs)
            reply = self.result_of(student, drawn, device)
            _, accuracies = self.histories(reply, epochs)
            moved = updates(reply["state"], drawn.parameters)
            expect(bool(np.any(moved)), "The network was not trained: no parameter moved.")
            expect(
                all(0 <= value <= 1 for value in accuracies),
                "The test accuracies should lie between 0 and 1.",
            )

    def expect_epochs(self, student: Student, challenge: Challenge, device: Device) -> None:
        """Fail, with the mistake's name where it is known, unless three epochs come to what they should."""
        drawn = self.drawn(challenge, 3)
        for name in device.names:
            self._expect_epochs(student, drawn.on(name), device)
        if self.moves:
            ask = self._probe(fit_placement)
            expect_moved(student, ask, drawn.data, device, self.task.noun, "parameters")

    def _expect_epochs(self, student: Student, drawn: Drawn, device: Device) -> None:
        reply = self.result_of(student, drawn, device)
        seen = updates(reply["state"], drawn.parameters)
        right = fit_by(self.reference, drawn)
        if relative_difference(seen, updates(right["state"], drawn.parameters)) > TOLERANCE:
            mistakes = {
                name: lambda fit=fit: updates(fit_by(fit, drawn)["state"], drawn.parameters)
                for name, fit in self.wrong.items()
            }
            hint = likely_mistake(seen, mistakes, TOLERANCE, "Your parameters moved exactly as if")
            expect(
                False, f"The parameters did not move as three epochs of training move them. {hint}"
            )
        if self.statistics:
            before = drawn.buffers
            passed = (vector(part["state"], before, "statistic") for part in (reply, right))
            expect(
                relative_difference(*passed) <= TOLERANCE,
                "The running statistics are not those of three epochs in which each batch passes once in "
                "training mode.",
            )
        losses, accuracies = self.histories(reply, 3)
        right_losses, right_accuracies = (right["history"][key] for key in self.keys)
        expect_close(losses, right_losses, rtol=LOSS_TOLERANCE, what="the training losses")
        off = np.abs(np.subtract(accuracies, right_accuracies))
        expect(
            bool(off.max() * len(drawn.data["test_labels"]) < MAY_DIFFER + 0.5),
            "The test accuracies are not those after each epoch. Are they taken from the test loader, after "
            "training?",
        )

    def expect_no_luck(
        self,
        student: Student,
        challenge: Challenge,
        device: Device,
        lucky: Iterable[Fit],
        why: str,
    ) -> None:
        """Fail a fit that is known to learn in some short runs and not in others: no draw is to decide.

        Args:
            why: what such a fit does wrong, for the student.
        """
        drawn = self.drawn(challenge, 1)
        reply = fields(
            student.run(self._probe(fitted), **drawn.data, moved=device.has_gpu), "state"
        )
        seen = updates(reply["state"], drawn.parameters)
        for fit in lucky:
            moved = updates(fit_by(fit, drawn)["state"], drawn.parameters)
            expect(
                relative_difference(seen, moved) > TOLERANCE,
                f"It learnt in this run, but would not in many others: {why}",
            )


def fit_by(fit: Fit, drawn: Drawn) -> dict[str, Any]:
    """What a fit of ours comes to on the device that the challenge names."""
    ask = fitted.with_(build=drawn.task.build, call=lectures_call)
    reply: dict[str, Any] = ask(fit, **drawn.data, moved=drawn.data["device_name"] != "cpu")
    return reply


def tells_apart(
    drawn: Drawn, train_epoch: Callable[..., float], validate: Callable[..., float], make: Optimizer
) -> bool:
    """Whether mistakes in what is measured, not in how the network is trained, would show.

    Args:
        train_epoch: a right loop of an epoch, and
        validate: a right validation, which here see what they are asked.
        make: the right optimizer of parameters and `lr`.
    """
    hits: list[int] = []  # of the test examples, before the first epoch and after each
    inputs_off: list[float] = []  # by validating in training mode, in each epoch
    losses_off: list[float] = []  # by averaging batch means, as a fraction of the right loss

    def fit(*args: Any) -> dict[str, list[float]]:
        net, train_loader, test_loader, epochs, learning_rate, device = args
        optimizer = make(net.parameters(), lr=learning_rate)
        count = len(drawn.data["test_labels"])
        hits.append(round(validate(net, test_loader, device) * count))
        for _ in range(epochs):
            means: list[float] = []
            given = drawn.task.criterion()

            def criterion(
                scores: torch.Tensor,
                labels: torch.Tensor,
                means: list[float] = means,
                given: nn.Module = given,
            ) -> torch.Tensor:
                loss: torch.Tensor = given(scores, labels)
                means.append(float(loss.detach()))
                return loss

            right = train_epoch(net, train_loader, cast(Any, criterion), optimizer, device)
            losses_off.append(abs(float(np.mean(means)) / right - 1))
            hits.append(round(validate(net, test_loader, device) * count))
            training = copy.deepcopy(net).train()
            with torch.no_grad():
                in_training = [
                    (training(inputs).argmax(1) == labels).sum() for inputs, labels in test_loader
                ]
            inputs_off.append(abs(sum(map(int, in_training)) - hits[-1]))
        return {}

    fit_by(fit, drawn)
    right = np.array(hits[1:])
    # Validated before each epoch, or once for all of them, after any of them.
    others = [np.array(hits[:-1]), *(np.full_like(right, once) for once in right)]
    off_at_other_times = [np.abs(other - right).max() for other in others]
    return (
        max(inputs_off) > MAY_DIFFER + 3
        and (min(off_at_other_times) > MAY_DIFFER + 2 or len(right) == 1)
        and max(losses_off) > 2 * LOSS_TOLERANCE
    )
