"""Checks of a function that validates: `validate(net, loader, device)`, which returns the accuracy.

The network and the examples are drawn so that mistakes show: each known one has an accuracy of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from autograder.errors import StudentRaised
from autograder.grading.compare import Mismatch, expect, relative_difference
from autograder.grading.device import Device
from autograder.grading.probe import Probe
from autograder.grading.replies import fields, flag, likely_mistake, real, sequence, updates, vector
from autograder.grading.student import Challenge, Student
from autograder.grading.training.metric import validated_one_by_one, way_of_counting
from autograder.grading.training.placement import expect_moved
from autograder.grading.training.task import Drawn, Task, as_called, drawn_state
from autograder.grading.training.validation_probes import one_validation, validation_placement


@dataclass(frozen=True)
class ValidationChecks:
    """Checks of one validating function, each to be called in a hidden test of its own.

    Attributes:
        task: a network that classifies, with batch normalisation or another layer that behaves differently
            in training mode; the scores are the second dimension of its outputs.
        function: its name in the student's notebook.
        call: how it is called, `(function, net, loader, device)`; shipped into the box. It returns the
            accuracy.
        moves: whether it has to move the inputs to the device; not where `call` names none.
    """

    task: Task
    function: str = "validate"
    call: Callable[..., Any] = as_called
    moves: bool = True

    def result_of(self, student: Student, drawn: Drawn) -> dict[str, Any]:
        """What a validation came to; who asks nothing of the network leaves nothing to be judged."""
        names = ("accuracy", "any_pass", "any_training", "any_graph", "trains_after")
        reply = student.run(self._probe(one_validation), drawn=drawn.data)
        seen = fields(reply, *names, "requires_grad", "state", "gradients")
        expect(
            flag(seen["any_pass"]),
            f"The network was never called: no {self.task.noun} was looked at.",
        )
        return seen

    def _probe(self, ask: Probe) -> Probe:
        return self.task.probe(ask, self.call, validate=self.function)

    def expect_accuracy(self, student: Student, challenge: Challenge, device: Device) -> None:
        """Fail, with the mistake's name where it is known, unless the result is the accuracy."""
        drawn = validation_challenge(self.task, challenge, training=True)
        for name in device.names:
            seen = self.result_of(student, drawn.on(name))
            self._expect_accuracy(student, challenge, seen, drawn)

    def _expect_accuracy(
        self, student: Student, challenge: Challenge, seen: dict[str, Any], drawn: Drawn
    ) -> None:
        returned = seen["accuracy"]
        expect(
            returned is not None, f"{self.function} should return the accuracy; yours returns None."
        )
        accuracy = real(returned, "the accuracy")
        # How many answers turn while the network is trained is a matter of chance.
        still = not np.any(updates(seen["state"], drawn.parameters))
        expect(
            still,
            "The accuracy is not right: it should be that of the network that was given, and the parameters "
            "changed on the way. Is something trained here?",
        )
        right, sizes = (np.array(numbers) for numbers in right_answers(drawn, False))
        if abs(accuracy - right.sum() / sizes.sum()) < 1e-4:  # one example is more than 1e-2
            return
        hint = _mistaken_accuracy(accuracy, seen, drawn)
        if not hint or not self._again(student, challenge, hint):
            reply = student.run(self._probe(validated_one_by_one), drawn=drawn.data)
            hint = way_of_counting(reply, drawn, accuracy)
        expect(False, f"The accuracy is not right. {hint}")

    def _again(self, student: Student, challenge: Challenge, hint: str) -> bool:
        """Whether another network gives the same hint: what has no name comes near one once."""
        drawn = validation_challenge(self.task, challenge, training=True)
        try:
            seen = self.result_of(student, drawn)
            accuracy = real(seen["accuracy"], "the accuracy")
        except (Mismatch, StudentRaised):
            return False
        return _mistaken_accuracy(accuracy, seen, drawn) == hint

    def expect_no_gradients(self, student: Student, challenge: Challenge, device: Device) -> None:
        """Fail unless it answers in evaluation mode, without a graph, on the device if it `moves`."""
        drawn = validation_challenge(self.task, challenge, training=True)
        seen = self.result_of(student, drawn)
        expect(not flag(seen["any_training"]), "The network answered in training mode.")
        expect(not flag(seen["any_graph"]), "The forward pass kept a graph for gradients.")
        if self.moves:
            ask = self._probe(validation_placement)
            expect_moved(student, ask, drawn, device, "inputs")

    def expect_nothing_changed(self, student: Student, challenge: Challenge) -> None:
        """Fail unless mode, parameters, statistics and gradients are the same afterwards."""
        for training in (True, False):
            drawn = validation_challenge(self.task, challenge, training)
            expect_as_it_was(self.result_of(student, drawn), drawn, training)


def expect_as_it_was(seen: dict[str, Any], drawn: Drawn, training: bool) -> None:
    """Fail unless a validation left the network, which came in this mode, as it was."""
    modes = sequence(seen["trains_after"], "The modes")
    expect(
        bool(modes) and all(isinstance(mode, bool) and mode == training for mode in modes),
        "A network that came in training mode was not left in it."
        if training
        else "A network that came in evaluation mode was not left in it.",
    )
    state, parameters = drawn.data["state"], drawn.parameters
    expect(
        relative_difference(vector(seen["state"], parameters), vector(state, parameters)) == 0,
        "The parameters changed: validation should only look, and never train.",
    )
    expect(
        relative_difference(vector(seen["state"], state), vector(state, state)) == 0,
        "The running statistics of batch normalisation changed, as they do in training mode.",
    )
    expect(
        seen["requires_grad"] == [True] * len(parameters),
        "Afterwards some parameters no longer require gradients.",
    )
    gradients = sequence(seen["gradients"], "The gradients", len(parameters))
    for number, gradient in enumerate(gradients):
        same = isinstance(gradient, torch.Tensor) and bool((gradient == number + 0.5).all())
        expect(same, "The gradients that the parameters had were changed.")


IN_TRAINING = "the network were in training mode"


def validation_challenge(task: Task, challenge: Challenge, training: bool) -> Drawn:
    """A network and examples on which each mistake gives an accuracy of its own.

    The network's answers depend on its mode. About six in ten labels are its own answers, but one of
    four in the smaller last batch, so that a mean of batch accuracies differs, too. Should chance make
    two of these accuracies close, we draw again.
    """
    for attempt in range(50):
        drawn = Drawn(task, _drawn(task, challenge, challenge.seed + attempt, training))
        if _tells_apart(drawn):
            break
    return drawn


def _tells_apart(drawn: Drawn) -> bool:
    right, sizes = (np.array(numbers) for numbers in right_answers(drawn, False))
    count = sizes.sum()
    # By two examples at least; of what takes little time first.
    if abs(np.mean(right / sizes) * count - right.sum()) < 2:
        return False
    answers, classes = mistaken_answers(drawn)
    if min(abs(hits - right.sum()) for hits in (*answers, *classes)) < 2:
        return False
    in_training, _ = right_answers(drawn, True)
    if abs(sum(in_training) - right.sum()) < 2:
        return False
    known = sorted([right.sum() / count, *mistaken_accuracies(right, sizes, in_training).values()])
    # What has no name must not be called by another's: other answers, and two mistakes at once.
    both = mistaken_accuracies(np.array(in_training), sizes, in_training)
    del both[IN_TRAINING]
    others = [*(np.array(answers) / count), *both.values()]
    unnamed = np.abs(np.subtract.outer(others, known)).min()
    return bool(min(np.diff(known).min(), unnamed) > 1e-3)  # of 1


def mistaken_answers(drawn: Drawn) -> tuple[list[int], list[int]]:
    """How many labels are met by what is mistaken for the network's answer, and by each class alone."""
    labels = drawn.data["labels"]
    with torch.no_grad():
        scores = drawn.network().eval()(drawn.data["inputs"])  # (n, classes)
    chances = torch.softmax(scores, dim=1)
    order = scores.argsort(dim=1, descending=True)
    sure = chances.amax(dim=1) > 0.5
    answers: list[torch.Tensor] = [
        *(way(scores.amax(dim=1)) for way in (torch.round, torch.trunc)),  # values, not indices
        *(way(chances.amax(dim=1)) for way in (torch.round, torch.trunc)),
        order[:, 1],
        order[:, -1],
        torch.where(sure, order[:, 0], -1),  # only answers that are clear
        order[:, 0] + 1,  # classes counted from 1
    ]
    among_two = (order[:, :2] == labels[:, None]).any(dim=1)
    hits = [int((answer == labels).sum()) for answer in answers]
    return [*hits, int(among_two.sum())], torch.bincount(labels).tolist()


def _mistaken_accuracy(accuracy: float, seen: dict[str, Any], drawn: Drawn) -> str:
    """The sentence that names the mistake with this accuracy, or nothing."""
    right, sizes = (np.array(numbers) for numbers in right_answers(drawn, False))
    in_training, _ = right_answers(drawn, True)
    known = mistaken_accuracies(right, sizes, in_training)
    if not flag(seen["any_training"]):
        del known[IN_TRAINING]
    wrong = {name: lambda value=value: [value] for name, value in known.items()}
    return likely_mistake([accuracy], wrong, 1e-4, "It is as if")


def mistaken_accuracies(right: Any, sizes: Any, in_training: Any) -> dict[str, float]:
    """What known mistakes return, by right answers in each batch, the batches' sizes, and the right
    answers in training mode."""
    count = sizes.sum()
    return {
        "it were in percent": 100 * right.sum() / count,
        "the batches' accuracies were averaged, and the last, smaller batch weighed as much as the "
        "others": np.mean(right / sizes),
        IN_TRAINING: np.sum(in_training) / count,
        "right answers were counted, and not divided": right.sum(),
        "the right answers were divided by the number of batches": right.sum() / len(sizes),
        "only the first batch were counted (is `return` inside the loop?)": right[0] / sizes[0],
        "only the last batch were counted": right[-1] / sizes[-1],
        "wrong answers were counted": 1 - right.sum() / count,
        "it were rounded to two decimals": np.round(right.sum() / count, 2),
        "it were divided by full batches, and the last one is smaller": right.sum()
        / (len(sizes) * sizes[0]),
    }


def _drawn(task: Task, challenge: Challenge, seed: int, training: bool) -> dict[str, Any]:
    rng = challenge.rng
    options = task.options(rng)
    batch_size = int(rng.integers(9, 14))
    last = 4
    count = batch_size * 5 + last
    state = drawn_state(lambda: task.build(**options), seed)
    for name, tensor in state.items():
        if name.endswith("running_mean"):
            tensor += torch.from_numpy(rng.normal(size=tensor.shape)).float()
        elif name.endswith("running_var"):
            tensor *= torch.from_numpy(rng.uniform(0.1, 3, tensor.shape)).float()
    net = task.network(options, state).eval()
    inputs, _ = task.examples(rng, count * 3, **options)
    with torch.no_grad():
        # As drawn, the network has one answer to all inputs; so each class starts from where it is.
        scores = net(inputs)
        bias = _last_bias(net, scores.shape[1])
        state[bias] -= scores.mean(dim=0)
        # And it is sure of about half of its answers, so that a threshold for them shows.
        factor = _to_be_sure(scores - scores.mean(dim=0))
        for name in (bias, f"{bias.removesuffix('bias')}weight"):
            if name in state:
                state[name] *= factor
        net.load_state_dict(state)
        top = net(inputs).topk(2, dim=1)
    # The clearer half of the answers: no rounding, not even a GPU's, turns one of them.
    margin = top.values[:, 0] - top.values[:, 1]
    clear = margin.argsort(descending=True)[: count * 3 // 2]
    clear = clear[torch.from_numpy(rng.permutation(len(clear)))]
    # As many of each answer as there are, or one class for all would be nearly as right as the network.
    classes = scores.shape[1]
    hits = nn.functional.one_hot(top.indices[clear, 0], classes)
    place = (hits.cumsum(dim=0) * hits).sum(dim=1)  # the first, second, … input with its answer
    chosen = clear[place.argsort(stable=True)[:count]]
    chosen = chosen[torch.from_numpy(rng.permutation(count))]
    answers = top.indices[chosen, 0]
    wrong = torch.from_numpy(rng.random(count) < 0.35)
    wrong[-last:] = True
    wrong[-1] = False
    others = (answers + 1 + torch.from_numpy(rng.integers(0, classes - 1, count))) % classes
    return {
        "state": state,
        "inputs": inputs[chosen],
        "labels": torch.where(wrong, others, answers),
        "batch_size": batch_size,
        "options": options,
        "training": training,
        "device_name": "cpu",
    }


def _last_bias(net: nn.Module, classes: int) -> str:
    """The name of the bias that is added to the scores: the last parameter with one number a class."""
    names = [name for name, part in net.named_parameters() if part.shape == (classes,)]
    if not names:
        raise ValueError(
            "validation_challenge: the task's network should end in a layer with a bias, one a class."
        )
    return names[-1]


def _to_be_sure(scores: torch.Tensor) -> float:
    """By what to multiply scores (n, classes), so that a quarter of the answers are surer than one half."""
    factors = (1.25**power for power in range(60))
    return next(f for f in factors if _surest_quarter(f * scores) > 0.5 or f > 1e5)


def _surest_quarter(scores: torch.Tensor) -> float:
    return float(torch.softmax(scores, dim=1).amax(dim=1).quantile(0.75))


def right_answers(drawn: Drawn, training: bool) -> tuple[list[float], list[int]]:
    """Right answers in each batch, and the batches' sizes, of the network in that mode."""
    net = drawn.network().train(training)
    with torch.no_grad():
        return [float((net(x).argmax(1) == y).sum()) for x, y in drawn.batches()], [
            len(y) for _, y in drawn.batches()
        ]
