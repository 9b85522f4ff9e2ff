"""Checks of a function that trains for one epoch: `train_epoch(net, loader, criterion, optimizer, device)`.

It is judged by equality. The probe is called twice: in the box with the student's function, here with
the reference or with a loop that is wrong on purpose. Both start from the same parameters, which are
sent, and see the same batches in the same order, so that the results are equal up to the rounding of
float32 sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from autograder.errors import StudentRaised
from autograder.grading.compare import (
    Explained,
    Mismatch,
    expect,
    expect_shape,
    relative_difference,
)
from autograder.grading.device import Device
from autograder.grading.probe import Probe
from autograder.grading.replies import (
    fields,
    likely_mistake,
    real,
    updates,
    vector,
)
from autograder.grading.student import Challenge, Student
from autograder.grading.training.clues import clue, in_training_mode, other_examples, uses_criterion
from autograder.grading.training.epoch_probes import epoch_placement, one_epoch, watched_epoch
from autograder.grading.training.loops import TrainEpoch, asking, right_loop, wrong_loops
from autograder.grading.training.means import (
    NEAR,
    SAME_MEAN,
    batch_losses,
    mistaken_mean,
    other_losses,
)
from autograder.grading.training.own_epochs import moved_by, result_by, statistics_by
from autograder.grading.training.placement import expect_moved
from autograder.grading.training.task import Drawn, Task, as_called, epoch_examples

# How far a right loop's parameter updates may lie from the reference's, as a fraction of the
# update's norm. Over 150 challenges (tests/graders/test_tolerances.py) right loops of four styles
# stay below 2e-5, float32 rounding through five to fifteen steps, and the nearest wrong loop is at
# 0.08. The room above 2e-5 is for GPUs, which sum in another order: noise in the last bit of all that is
# multiplied moves a right loop by 2e-4 at most, over 100 challenges. TF32 and bfloat16 would not do. They
# round what is multiplied by up to 2^-11 and 2^-8, but no bound on the updates follows: where another
# pixel of a pool becomes the largest, or a ReLU opens, a gradient takes another way. Rounded so on the CPU
# (`Rounding` there), right loops with SGD move by 0.01 (TF32) and 0.15 (bfloat16) in the median, by 0.25 and
# 0.49 at most. So both are off where updates are compared (`steady`, `held`). Not yet seen on a GPU.
TOLERANCE = 0.01

EXPLAINED = "The mistake that is named above explains this."


@dataclass(frozen=True)
class EpochChecks:
    """Checks of one training function, each to be called in a hidden test of its own.

    Attributes:
        task: what it trains here.
        norm_task: the same with batch normalisation, or another layer that behaves differently in
            training mode; `expect_training_mode` needs it.
        function: its name in the student's notebook.
        call: how it is called, `(function, net, loader, criterion, optimizer, device)`; shipped into
            the box. It returns what the function returns, or the mean loss taken out of that.
        reference: a right one, called with these five arguments in this order.
        wrong: what is known to be wrong, by the words that name it behind "as if".
        own_loss: the function computes the task's loss itself, and `call` passes it no criterion.
    """

    task: Task
    norm_task: Task | None = None
    function: str = "train_epoch"
    call: Callable[..., Any] = as_called
    reference: TrainEpoch | None = None
    wrong: Mapping[str, TrainEpoch] | None = None
    own_loss: bool = False

    @cached_property
    def _right(self) -> TrainEpoch:
        return self.reference or right_loop(self.task)

    @cached_property
    def _wrong(self) -> Mapping[str, TrainEpoch]:
        return wrong_loops(self.task) if self.wrong is None else self.wrong

    def draw(
        self,
        challenge: Challenge,
        *,
        norm: bool = False,
        learning_rate: float,
        optimizer: str = "SGD",
        settings: Mapping[str, Any] | None = None,
        factor: float = 1.0,
    ) -> Drawn:
        """Draw a network, batches, and the optimizer with which an epoch is trained.

        Args:
            norm: take `norm_task`.
            optimizer: a class of `torch.optim`, and
            settings: its arguments besides the learning rate.
            factor: what the criterion's loss is multiplied by.
        """
        task = self.norm_task if norm else self.task
        if task is None:
            raise ValueError("EpochChecks: this check needs a norm_task, and there is none.")
        data = {
            **epoch_examples(task, challenge),
            "loss_name": task.loss,
            "factor": factor,
            "optimizer_name": optimizer,
            "optimizer_options": {"lr": learning_rate, **(settings or {})},
            "device_name": "cpu",
        }
        return Drawn(task, data)

    def result_of(self, student: Student, drawn: Drawn) -> dict[str, Any]:
        """What one epoch of the student's came to; errors of torch's come with a question."""
        try:
            return fields(self._ask(student, one_epoch, drawn), "loss", "state")
        except StudentRaised as raised:
            raised = asking(raised, student.mistakes_told)
            raise raised from None

    def _probe(self, ask: Probe, drawn: Drawn) -> Probe:
        return drawn.task.probe(ask, self.call, train_epoch=self.function)

    def _ask(self, student: Student, ask: Probe, drawn: Drawn) -> Any:
        return student.run(self._probe(ask, drawn), drawn=drawn.data)

    def right_result(self, drawn: Drawn) -> dict[str, Any]:
        """What one right epoch comes to."""
        return result_by(self._right, drawn)

    def expect_steps(
        self,
        student: Student,
        challenge: Challenge,
        device: Device,
        *,
        norm: bool = False,
        learning_rate: float,
        optimizer: str = "SGD",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Fail, with the mistake's name where it is known, unless the parameters moved rightly."""
        challenged = self.draw(
            challenge,
            norm=norm,
            learning_rate=learning_rate,
            optimizer=optimizer,
            settings=settings,
        )
        for drawn in map(challenged.on, device.names):
            seen = updates(self.result_of(student, drawn)["state"], drawn.parameters)
            if relative_difference(seen, moved_by(self._right, drawn)) <= TOLERANCE:
                continue
            what = f"The parameters did not move{drawn.there} as one epoch of training moves them."
            lead = "Your parameters moved exactly as if"
            named = self._named(student, what, lead, seen, partial(moved_by, drawn=drawn))
            named = named or self._once(
                student, what, clue(self._watched(student, drawn), drawn, self.own_loss)
            )
            expect(False, f"{what} {named}")

    def _named(
        self,
        student: Student,
        what: str,
        lead: str,
        seen: Any,
        of: Callable[[TrainEpoch], Any],
        others: bool | None = True,
    ) -> str:
        """The sentence that names the loop which gives exactly what was seen, or nothing.

        Args:
            of: what a loop gives.
            others: whether a mistake may be named that was not told before: False, or None for one that
                alone gives what was seen.

        Raises:
            Explained: where the mistake was told before.
        """
        mistakes = {name: partial(of, loop) for name, loop in self._wrong.items()}
        told = {n: make for n, make in mistakes.items() if f"{n}." in student.mistakes_told}
        if likely_mistake(seen, told, TOLERANCE, lead):
            raise Explained(f"{what} {EXPLAINED}")
        if others is None:
            fitting = [
                n for n in mistakes if likely_mistake(seen, {n: mistakes[n]}, TOLERANCE, lead)
            ]
            mistakes = {n: mistakes[n] for n in fitting if len(fitting) == 1}
        if others is False:
            return ""
        return self._once(student, what, likely_mistake(seen, mistakes, TOLERANCE, lead), lead)

    def _once(self, student: Student, what: str, sentence: str, lead: str = "") -> str:
        """The sentence itself, if it was not told before."""
        mistake = sentence.removeprefix(lead).strip()
        if mistake in student.mistakes_told:
            raise Explained(f"{what} {EXPLAINED}")
        student.mistakes_told += [mistake] if mistake else []
        return sentence

    def _watched(self, student: Student, drawn: Drawn) -> Any:
        """How what was given is used, or None. Asked only of what is wrong: to be watched is to be slower."""
        try:
            return self._ask(student, watched_epoch, drawn)
        except StudentRaised:  # the first time it ran to its end, and that time is judged
            return None

    def expect_placed(
        self, student: Student, challenge: Challenge, device: Device, *parts: str
    ) -> None:
        """Fail unless these parts (inputs, labels, parameters) lay on the device when they were used."""
        drawn = self.draw(challenge, norm=self.norm_task is not None, learning_rate=0.0)
        expect_moved(student, self._probe(epoch_placement, drawn), drawn, device, *parts)

    def expect_training_mode(self, student: Student, challenge: Challenge, device: Device) -> None:
        """Fail unless the running statistics are those of one pass in training mode.

        Where the reference leaves them alone, as those of a frozen part, they should stay as they were.
        """
        challenged = self.draw(challenge, norm=True, learning_rate=0.0)
        for drawn in map(challenged.on, device.names):
            state = self.result_of(student, drawn)["state"]
            before = drawn.buffers
            right = vector(self.right_result(drawn)["state"], before)
            seen = vector(state, before, "statistic")
            start = vector(before, before)
            if not np.any(right != start):
                expect(
                    not np.any(seen != start),
                    "The running statistics of the frozen part moved, or their count of batches: it was in "
                    "training mode.",
                )
                continue
            if relative_difference(seen, right) <= TOLERANCE:
                self._expect_no_luck(student, drawn, labels=False)
                continue
            still = not np.any(seen != start)
            what = (
                "The running statistics never moved: the network was not in training mode."
                if still
                else "The running statistics are not those of one pass over the loader in training mode."
            )
            of = partial(statistics_by, drawn=drawn)
            named = self._named(student, what, "They are exactly as if", seen, of, None)
            if still or named:
                expect(False, f"{what} {'' if still else named}")
            other = in_training_mode(self._watched(student, drawn), drawn)
            if other == "" and student.mistakes_told:
                raise Explained(f"{what} {EXPLAINED}")
            expect(False, f"{what} {other or ''}")

    def expect_mean_loss(self, student: Student, challenge: Challenge, device: Device) -> None:
        """Fail, with the mistake's name where it is known, unless the loss is the mean over examples.

        The learning rate is 0, so that only the forward pass and the averaging count.
        """
        challenged = self.draw(challenge, learning_rate=0.0)
        for drawn in map(challenged.on, device.names):
            self._expect_mean_loss(student, challenge, drawn)

    def _expect_mean_loss(self, student: Student, challenge: Challenge, drawn: Drawn) -> None:
        reply = self.result_of(student, drawn)
        loss = reply["loss"]
        expect(
            loss is not None, f"{self.function} should return the mean loss; yours returns None."
        )
        seen = real(loss, "the mean loss")
        right = self.right_result(drawn)["loss"]
        if abs(seen - right) <= NEAR * right:
            # How much steps that should not be there change the loss is a matter of chance.
            still = not np.any(updates(reply["state"], drawn.parameters))
            expect(still, "With a learning rate of 0 nothing should move; your parameters did.")
            if student.mistakes_told and abs(seen - right) > SAME_MEAN * right:
                raise Explained(f"The mean loss is near the right one, and is not it. {EXPLAINED}")
            self._expect_no_luck(student, drawn, labels=True)
            return
        what = f"The mean loss per {drawn.task.noun} is not right."
        lead = "It is as if"
        self._named(
            student, what, lead, [seen], lambda loop: [result_by(loop, drawn)["loss"]], False
        )
        # Eight guesses: where the loss itself is another one, a wider net would catch by chance.
        hint = mistaken_mean(seen, drawn, lead)
        if hint and not self._again(student, challenge, drawn, hint, lead):
            hint = ""
        if not hint and (watched := self._watched(student, drawn)) is not None:
            hint = self._averaged(student, drawn, what, watched)
        expect(False, f"{what} {hint}")

    def _again(
        self, student: Student, challenge: Challenge, before: Drawn, hint: str, lead: str
    ) -> bool:
        """Whether other batches give the same hint: by chance one is near a known mean, hardly twice."""
        drawn = self.draw(challenge, learning_rate=0.0).on(before.data["device_name"])
        try:
            seen = real(self.result_of(student, drawn)["loss"], "the mean loss")
        except (Mismatch, StudentRaised):
            return False
        return mistaken_mean(seen, drawn, lead) == hint

    def _expect_no_luck(self, student: Student, drawn: Drawn, labels: bool) -> None:
        """Fail where a mistake was told, and what came out nearly right came from other examples.

        Images that were flipped, labels that were shuffled and raw scores in the place of others can give
        nearly the same means; how nearly is a matter of the draw.
        """
        if not student.mistakes_told or (watched := self._watched(student, drawn)) is None:
            return
        if other_examples(watched, drawn, labels) or (labels and other_losses(watched, drawn)):
            raise Explained(f"The result is near, but not that of the given batches. {EXPLAINED}")

    def _averaged(self, student: Student, drawn: Drawn, what: str, watched: Any) -> str:
        """Whether the losses are wrong or their mean is, by what the criterion gave when it was watched."""
        reply = fields(watched, "returned", "means", "sizes")
        means, sizes = batch_losses(drawn)
        try:
            given = expect_shape(reply["means"], means.shape)
            counts = expect_shape(reply["sizes"], sizes.shape)
            returned = real(reply["returned"], "the mean loss")
        except Mismatch:
            return ""
        places = drawn.data["labels"][0].numel()  # that have a label each
        as_given = list(counts) in (list(sizes), list(sizes * places))
        if relative_difference(given, means) <= 1e-4 and as_given:
            if relative_difference([returned], [np.average(means, weights=sizes)]) <= 1e-4:
                return ""
            again = real(self.result_of(student, drawn)["loss"], "the mean loss")
            if abs(again - returned) > 1e-4 * abs(returned):
                return (
                    "The same losses give another mean in each call. Is something kept from one call to the "
                    "next, in a name outside of the function?"
                )
            return "The criterion gave the right losses, but what is returned is not their mean."
        if counts.sum() and abs(returned - np.average(given, weights=counts)) <= 1e-4 * returned:
            if student.mistakes_told:
                raise Explained(f"{what} The averaging is. {EXPLAINED}")
            return "The averaging is; it is the batches' losses that are not."
        return ""

    def expect_given_criterion(
        self, student: Student, challenge: Challenge, device: Device, *, learning_rate: float
    ) -> None:
        """Fail unless the loss comes from the criterion that was passed in."""
        factor = float(challenge.rng.uniform(0.3, 0.5))
        challenged = self.draw(challenge, learning_rate=learning_rate, factor=factor)
        for drawn in map(challenged.on, device.names):
            seen = updates(self.result_of(student, drawn)["state"], drawn.parameters)
            if relative_difference(seen, moved_by(self._right, drawn)) <= TOLERANCE:
                continue
            what = "The parameters did not move as the gradient of the given criterion moves them."
            # A factor of the loss is one of the learning rate, whatever else is wrong.
            scaled = {"factor": 1.0, "optimizer_options": {"lr": learning_rate * factor}}
            same = Drawn(drawn.task, {**drawn.data, **scaled})
            moved = updates(self.result_of(student, same)["state"], drawn.parameters)
            if relative_difference(seen, moved) <= TOLERANCE or uses_criterion(
                self._watched(student, same), same
            ):
                expect(bool(student.mistakes_told), what)
                raise Explained(f"{what} {EXPLAINED}")
            expect(False, what)
