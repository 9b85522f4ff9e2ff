"""Checks of a function that trains for epochs: `fit(net, train_loader, test_loader, epochs, learning_rate,
device)`, which makes its own optimizer and returns a history of losses and accuracies.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from autograder.errors import StudentRaised
from autograder.grading.compare import describe, expect, expect_close, relative_difference
from autograder.grading.device import Device
from autograder.grading.probe import Probe
from autograder.grading.replies import fields, likely_mistake, real, sequence, updates, vector
from autograder.grading.student import Challenge, Student
from autograder.grading.training.epoch import TOLERANCE
from autograder.grading.training.fit_probes import fit_placement, fitted, lectures_call
from autograder.grading.training.loops import ERRORS
from autograder.grading.training.placement import expect_moved
from autograder.grading.training.task import Drawn, Task

Fit = Callable[..., Any]  # of net, train_loader, test_loader, epochs, learning_rate, device
Optimizer = Callable[..., torch.optim.Optimizer]  # of parameters and lr

LOSS_TOLERANCE = 0.01  # relative; over 60 challenges right loops of three styles were off by 6e-7
MAY_DIFFER = 2  # test examples on the border between two classes, which rounding may turn


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
            device)`; shipped into the box. It returns the history, a dict. What `draw` has for the learning
            rate is passed on as it is, a dict of several among it.
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
        """The history, a dict, and the state that a fit came to; errors of torch's come with a question."""
        ask = self._probe(fitted)
        try:
            answer = student.run(ask, **drawn.data, moved=device.has_gpu)
        except StudentRaised as raised:
            for words, question in ERRORS.items():
                if words in str(raised):
                    raise raised.asking(question) from None
            raise
        reply = fields(answer, "history", "state")
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
        losses, _ = self.histories(reply, 3)
        right_losses = right["history"][self.keys[0]]
        expect_close(losses, right_losses, rtol=LOSS_TOLERANCE, what="the training losses")
        self._expect_accuracies(reply, right, drawn)
        falling = self._falling(drawn)
        reply = self.result_of(student, falling, device)
        self._expect_accuracies(reply, fit_by(self.reference, falling), falling)

    def _falling(self, drawn: Drawn) -> Drawn:
        one_epoch = Drawn(drawn.task, {**drawn.data, "epochs": 1})
        state = fit_by(self.reference, one_epoch)["state"]
        net = drawn.task.network(drawn.data["options"], state)
        return that_falls(drawn, net)

    def _expect_accuracies(
        self, reply: dict[str, Any], right: dict[str, Any], drawn: Drawn
    ) -> None:
        _, accuracies = self.histories(reply, 3)
        off = np.abs(np.subtract(accuracies, right["history"][self.keys[1]]))
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
        epochs: int = 1,
    ) -> None:
        """Fail a fit that is known to learn in some short runs and not in others: no draw is to decide.

        Args:
            why: what such a fit does wrong, for the student.
            epochs: enough to tell these fits from others.
        """
        drawn = self.drawn(challenge, epochs)
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
    task = drawn.task
    ask = fitted.with_(build=task.build, call=lectures_call, uses=task.uses)
    reply: dict[str, Any] = ask(fit, **drawn.data, moved=drawn.data["device_name"] != "cpu")
    return reply


def that_falls(drawn: Drawn, after_one_epoch: nn.Module) -> Drawn:
    """The same training, whose accuracy falls after the first epoch, where it is 1.

    Accuracies that rise do not tell those of each epoch from the best so far.
    """
    labels = _answers(after_one_epoch, drawn.data["test_inputs"])
    return Drawn(drawn.task, {**drawn.data, "test_labels": labels})


def _answers(net: nn.Module, inputs: torch.Tensor, training: bool = False) -> torch.Tensor:
    with torch.no_grad():
        answers: torch.Tensor = copy.deepcopy(net).train(training)(inputs).argmax(1)
    return answers


def _other_histories(hits: npt.NDArray[np.int64]) -> list[npt.NDArray[Any]]:
    """What a history holds that is not of each epoch, from the numbers before the first and after each."""
    right = hits[1:]
    epochs = np.arange(len(right))
    return [
        hits[:-1],  # validated before each epoch,
        *(np.full_like(right, once) for once in right),  # or once for all, after any of them,
        right[epochs - epochs % 2],  # or after every second one;
        right[::-1],  # the newest first;
        np.maximum.accumulate(right),  # the best so far,
        np.cumsum(right) / (epochs + 1),  # or the mean so far
    ]


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
    answers: list[torch.Tensor] = []  # at the same moments
    inputs_off: list[float] = []  # by validating in training mode, in each epoch
    losses_off: list[float] = []  # by averaging batch means, as a fraction of the right loss

    def fit(*args: Any) -> dict[str, list[float]]:
        net, train_loader, test_loader, epochs, learning_rate, device = args
        optimizer = make(net.parameters(), lr=learning_rate)
        count = len(drawn.data["test_labels"])
        test_inputs = drawn.data["test_inputs"]
        hits.append(round(validate(net, test_loader, device) * count))
        answers.append(_answers(net, test_inputs))
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
            answers.append(_answers(net, test_inputs))
            in_training = [
                (_answers(net, inputs, training=True) == labels).sum()
                for inputs, labels in test_loader
            ]
            inputs_off.append(abs(sum(map(int, in_training)) - hits[-1]))
        return {}

    fit_by(fit, drawn)
    falling = [int((answer == answers[1]).sum()) for answer in answers]  # with those labels
    both = [np.array(part) for part in (hits, falling)]
    off = [[np.abs(other - part[1:]).max() for other in _other_histories(part)] for part in both]
    return (
        max(inputs_off) > MAY_DIFFER + 3
        and (bool(np.max(off, axis=0).min() > MAY_DIFFER + 2) or len(hits) == 2)
        and max(losses_off) > 2 * LOSS_TOLERANCE
    )


def around(train_epoch: Callable[..., float], task: Task, **changes: Any) -> Fit:
    """A fit around a loop, without its history.

    Args:
        changes: `learning_rate`; `optimizer`, of parameters and `lr`, Adam by default; `epochs`, a
            function of the number that was asked for.
    """

    def fit(
        net: Any, train_loader: Any, _test: Any, epochs: int, learning_rate: float, device: Any
    ) -> dict[str, list[float]]:
        net.to(device)
        make = changes.get("optimizer", torch.optim.Adam)
        optimizer = make(net.parameters(), lr=changes.get("learning_rate", learning_rate))
        for _ in range(changes.get("epochs", lambda count: count)(epochs)):
            train_epoch(net, train_loader, task.criterion(), optimizer, device)
        return {}

    return fit


def wrong_fits(
    reference: Fit,
    train_epoch: Callable[..., float],
    task: Task,
    *,
    optimizer: str = "Adam",
    settings: Mapping[str, Any] | None = None,
    rates: tuple[str, ...] = ("1e-4", "1e-3"),
) -> dict[str, Fit]:
    """Fits with one mistake each, by the words that name it behind "as if".

    Args:
        reference: a right fit, and
        train_epoch: a right loop, from which they are made.
        optimizer: the class of `torch.optim` that is right, over all parameters.
        settings: its arguments besides the learning rate.
        rates: learning rates that may stand in place of the one that is passed.
    """

    def new_optimizer_each_epoch(*args: Any) -> dict[str, list[float]]:
        net, train_loader, test_loader, epochs, learning_rate, device = args
        for _ in range(epochs):
            reference(net, train_loader, test_loader, 1, learning_rate, device)
        return {}

    def trained_on_test_images(*args: Any) -> Any:
        net, _, test_loader, epochs, learning_rate, device = args
        return reference(net, test_loader, test_loader, epochs, learning_rate, device)

    optim = torch.optim
    right = partial(getattr(optim, optimizer), **(settings or {}))
    memory = "Adam's running means" if optimizer == "Adam" else "what the last one remembers"
    with_ = partial(around, train_epoch, task)
    return {
        f"a new optimizer were made for each epoch, which forgets {memory}": (
            new_optimizer_each_epoch
        ),
        **{
            f"the learning rate were {rate} (is `learning_rate` passed on?)": with_(
                learning_rate=float(rate), optimizer=right
            )
            for rate in rates
        },
        "only one epoch were trained": with_(epochs=lambda _count: 1, optimizer=right),
        "one epoch too many were trained": with_(epochs=lambda count: count + 1, optimizer=right),
        "one epoch too few were trained": with_(epochs=lambda count: count - 1, optimizer=right),
        "nothing were trained": with_(epochs=lambda _count: 0, optimizer=right),
        **{
            f"{name} were used, and not {optimizer}": with_(optimizer=getattr(optim, name))
            for name in ("SGD", "Adam", "AdamW")
            if name != optimizer
        },
        **{
            f"{optimizer} had the weight decay {decay}": with_(
                optimizer=partial(right, weight_decay=float(decay))
            )
            for decay in ("5e-4", "0.01")
        },
        **{
            f"{optimizer} had no {name.replace('_', ' ')}": with_(
                optimizer=partial(
                    getattr(optim, optimizer),
                    **{other: value for other, value in (settings or {}).items() if other != name},
                )
            )
            for name in settings or {}
        },
        f"the test {task.noun}s were trained on": trained_on_test_images,
        "only the last layer's parameters were given to the optimizer": with_(
            optimizer=lambda parameters, lr: right(list(parameters)[-2:], lr=lr)
        ),
    }
