"""Checks of a function that trains for epochs: `fit(net, train_loader, test_loader, epochs, learning_rate,
device)`, which makes its own optimizer and returns a history of losses and accuracies.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from autograder.errors import StudentRaised
from autograder.grading.compare import (
    Explained,
    Mismatch,
    describe,
    expect,
    expect_close,
    relative_difference,
)
from autograder.grading.device import Device
from autograder.grading.probe import Probe
from autograder.grading.replies import fields, likely_mistake, real, sequence, updates, vector
from autograder.grading.student import Challenge, Student
from autograder.grading.training.epoch import TOLERANCE
from autograder.grading.training.fit_challenges import (
    LOSS_TOLERANCE,
    MAY_DIFFER,
    Fit,
    fit_by,
    moved_by_fit,
    that_falls,
)
from autograder.grading.training.fit_clues import (
    EARLIER,
    better_hint,
    from_elsewhere,
    only_hands_on,
    rate_changes,
    watched_fit,
)
from autograder.grading.training.fit_probes import fit_placement, fitted
from autograder.grading.training.loops import asking
from autograder.grading.training.placement import expect_moved
from autograder.grading.training.task import Drawn, Task, as_called


@dataclass(frozen=True)
class FitChecks:
    """Checks of one fitting function. `fit_checks` makes them of a task alone.

    Attributes:
        task: a network that classifies, with batch normalisation.
        draw: draws what it is trained on, `(challenge, epochs)`.
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
        stands_on: names of the functions that the notebook has and the reference's module as well, and
            that a fit may call: where those alone are wrong, the fit's checks say so.
    """

    task: Task
    draw: Callable[[Challenge, int], Drawn]
    reference: Fit
    wrong: Mapping[str, Fit]
    function: str = "fit"
    call: Callable[..., Any] = as_called
    keys: tuple[str, str] = ("train_loss", "test_accuracy")
    moves: bool = True
    statistics: bool = False
    stands_on: tuple[str, ...] = ()

    def drawn(self, challenge: Challenge, epochs: int) -> Drawn:
        """What is trained, for so many epochs."""
        return self.draw(challenge, epochs)

    def result_of(self, student: Student, drawn: Drawn, device: Device) -> dict[str, Any]:
        """The history, a dict, and the state that a fit came to; errors of torch's come with a question."""
        ask = self._probe(fitted)
        try:
            answer = student.run(ask, drawn=drawn.data, moved=device.has_gpu)
        except StudentRaised as raised:
            raise asking(raised, []) from None
        reply = fields(answer, "history", "state")
        expect(
            isinstance(reply["history"], dict),
            f"{self.function} should return a dict; yours returns {describe(reply['history'])}.",
        )
        return reply

    def _probe(self, ask: Probe) -> Probe:
        return self.task.probe(ask, self.call, fit=self.function)

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
            with self.explaining(student, drawn):
                reply = self.result_of(student, drawn, device)
                _, accuracies = self.histories(reply, epochs)
                moved = updates(reply["state"], drawn.parameters)
                expect(bool(np.any(moved)), "The network was not trained: no parameter moved.")
            with self.explaining(student, drawn, self.keys[1]):
                expect(
                    all(0 <= value <= 1 for value in accuracies),
                    "The test accuracies should lie between 0 and 1.",
                )

    @contextlib.contextmanager
    def explaining(self, student: Student, drawn: Drawn, key: str = "") -> Iterator[None]:
        """Where what is done here fails, say so of the functions that the fit stands on, if it is theirs.

        Args:
            key: of the history, where it is this that is looked at.
        """
        try:
            yield
        except Mismatch as wrong:
            self._explain(student, self._watched(student, drawn), drawn, str(wrong), key)
            raise

    def _explain(
        self, student: Student, watched: Any, drawn: Drawn, what: str, key: str = ""
    ) -> None:
        """Raise where the mistake is in what the fit stands on; of `what` the first sentence is kept."""
        right = self._watched_reference(drawn)
        if watched is None or from_elsewhere(right, key) or not only_hands_on(watched, right):
            return
        *others, last = (f"`{name}`" for name in self.stands_on)
        does = (
            "hands the right things on"
            if any(from_elsewhere(right, one) for one in self.keys)
            else "does what it should: it hands the right things on and keeps what it gets"
        )
        why = f"`{self.function}` itself {does}. The mistake is in {', '.join(others)} or {last}: see there."
        first = what.partition(". ")[0].rstrip(".")
        if why in student.mistakes_told:
            raise Explained(f"{first}. The same explains this.") from None
        student.mistakes_told.append(why)
        raise Explained(f"{first}. {why}") from None

    def _watched(self, student: Student, drawn: Drawn) -> Any:
        """How the student's fit goes about it, or None. Asked only of what is wrong."""
        try:
            asked = {"drawn": drawn.data, "stands_on": list(self.stands_on)}
            return student.run(self._probe(watched_fit), **asked)
        except StudentRaised:
            return None

    def _watched_reference(self, drawn: Drawn) -> Any:
        ask = drawn.task.probe(watched_fit)
        return ask(self.reference, drawn=drawn.data, stands_on=list(self.stands_on))

    def expect_epochs(self, student: Student, challenge: Challenge, device: Device) -> None:
        """Fail, with the mistake's name where it is known, unless three epochs come to what they should."""
        drawn = self.drawn(challenge, 3)
        for name in device.names:
            self._expect_epochs(student, drawn.on(name), device)
            self._expect_no_choice(student, drawn.on(name), device)
        if self.moves:
            ask = self._probe(fit_placement)
            expect_moved(student, ask, drawn, device, "parameters")

    def _expect_epochs(self, student: Student, drawn: Drawn, device: Device) -> None:
        reply = self.result_of(student, drawn, device)
        seen = updates(reply["state"], drawn.parameters)
        right = fit_by(self.reference, drawn)
        if relative_difference(seen, updates(right["state"], drawn.parameters)) > TOLERANCE:
            what = "The parameters did not move as three epochs of training move them."
            watched = self._watched(student, drawn)
            self._explain(student, watched, drawn, what)
            hint = self._named(seen, drawn)
            if watched is not None:
                hint = better_hint(hint, watched, self._watched_reference(drawn), drawn)
            expect(False, f"{what} {hint}")
        with self.explaining(student, drawn):
            if self.statistics:
                before = drawn.buffers
                passed = (vector(part["state"], before, "statistic") for part in (reply, right))
                expect(
                    relative_difference(*passed) <= TOLERANCE,
                    "The running statistics are not those of three epochs in which each batch passes once in "
                    "training mode.",
                )
        with self.explaining(student, drawn, self.keys[0]):
            losses, _ = self.histories(reply, 3)
            right_losses = right["history"][self.keys[0]]
            expect_close(losses, right_losses, rtol=LOSS_TOLERANCE, what="the training losses")
        with self.explaining(student, drawn, self.keys[1]):
            self._expect_accuracies(reply, right, drawn)

    def _expect_accuracies(
        self, reply: dict[str, Any], right: dict[str, Any], drawn: Drawn
    ) -> None:
        _, accuracies = self.histories(reply, drawn.data["epochs"])
        off = np.abs(np.subtract(accuracies, right["history"][self.keys[1]]))
        expect(
            bool(off.max() * len(drawn.data["test_labels"]) < MAY_DIFFER + 0.5),
            "The test accuracies are not those after each epoch. Are they taken from the test loader, after "
            "training?",
        )

    def _named(self, seen: Any, drawn: Drawn) -> str:
        mistakes = {name: partial(moved_by_fit, fit, drawn) for name, fit in self.wrong.items()}
        return likely_mistake(seen, mistakes, TOLERANCE, "Your parameters moved exactly as if")

    def _expect_no_choice(self, student: Student, drawn: Drawn, device: Device) -> None:
        """Fail a fit that stops, goes back, or reports by its best test accuracy.

        The test labels are here what the network answers after its first epoch: that has an accuracy of 1,
        and all later ones have less.
        """
        epochs = 6
        first = fit_by(self.reference, Drawn(drawn.task, {**drawn.data, "epochs": 1}))
        net = drawn.task.network(drawn.data["options"], first["state"]).eval()
        longer = that_falls(Drawn(drawn.task, {**drawn.data, "epochs": epochs}), net)
        reply = self.result_of(student, longer, device)
        what = "Over more epochs, of which the first has the best test accuracy,"
        lengths = [len(sequence(reply["history"].get(key, []), "The history")) for key in self.keys]
        expect(
            lengths == [epochs] * len(lengths),
            f"{what} the history should still have one entry for each. Does training stop early?",
        )
        seen = updates(reply["state"], drawn.parameters)
        right = fit_by(self.reference, longer)
        expect(
            relative_difference(seen, updates(right["state"], drawn.parameters)) <= TOLERANCE,
            f"{what} the network should still be the one after the last. {EARLIER}",
        )
        with self.explaining(student, drawn, self.keys[1]):
            self._expect_accuracies(reply, right, longer)

    def expect_no_luck(
        self,
        student: Student,
        challenge: Challenge,
        device: Device,
        lucky: Iterable[Fit],
        why: str,
        epochs: int = 3,
    ) -> None:
        """Fail a fit that is known to learn in some short runs and not in others: no draw is to decide.

        One whose learning rate changes on the way, by whatever schedule, is such a fit.

        Args:
            why: what these fits do wrong, for the student.
            epochs: enough to tell these fits from others.
        """
        drawn = self.drawn(challenge, epochs)
        answer = student.run(self._probe(fitted), drawn=drawn.data, moved=device.has_gpu)
        reply = fields(answer, "state")
        seen = updates(reply["state"], drawn.parameters)
        right = moved_by_fit(self.reference, drawn)
        # What is not told from a right fit here, such as a decay that is very small, is none of those.
        if relative_difference(seen, right) <= TOLERANCE:
            return
        luck = "It learnt in this run, but would not in many others:"
        watched = self._watched(student, drawn)
        expect(
            not rate_changes(watched, self._watched_reference(drawn), drawn),
            f"{luck} the learning rate changed on the way.",
        )
        for fit in lucky:
            moved = moved_by_fit(fit, drawn)
            expect(relative_difference(seen, moved) > TOLERANCE, f"{luck} {why}")
