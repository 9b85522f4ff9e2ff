"""Checks of a function that makes a criterion and an optimizer: `make(net, learning_rate)`.

An optimizer is known by how it moves parameters with gradients that are set by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from autograder.errors import StudentRaised
from autograder.grading.compare import (
    Explained,
    describe,
    expect,
    expect_close,
    expect_type,
    relative_difference,
)
from autograder.grading.probe import probe
from autograder.grading.replies import Floats, fields, likely_mistake, sequence, updates
from autograder.grading.student import Challenge, Student
from autograder.grading.training.loops import asking

# Adam's implementations (for-loop, foreach, fused) differ by rounding: a float32 parameter near 3
# has steps of 2.4e-7, which is 0.0024 of an update of 1e-4 (and less of larger ones). AdamW at its
# default decay moves such a parameter by 3 % of a step more.
TOLERANCE = 5e-3

_SHAPES = {"0.weight": (5, 3, 3, 3), "0.bias": (5,), "3.weight": (6, 20), "3.bias": (6,)}


def lectures_call(make: Any, net: Any, learning_rate: Any) -> Any:
    """How the function is called where nothing else is said; None is no learning rate."""
    return make(net) if learning_rate is None else make(net, learning_rate)


@probe
def criterion_and_steps(make_criterion_and_optimizer: Any, call: Any, drawn: Any) -> Any:
    """The criterion's value, and the parameters after steps with each of the given gradients."""
    import torch
    from torch import nn

    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(20, 6))
    net.load_state_dict(drawn["start"])
    made = call(make_criterion_and_optimizer, net, drawn["learning_rate"])
    if not isinstance(made, tuple | list) or len(made) != 2 or not callable(made[0]):
        return {"made": made}
    criterion, optimizer = made
    if not isinstance(optimizer, torch.optim.Optimizer):
        return {"made": "no optimizer", "optimizer": optimizer}
    owned = {id(part) for group in optimizer.param_groups for part in group["params"]}
    for gradient, times in zip(drawn["gradients"], drawn["repeats"]):  # noqa: B905
        for _ in range(times):
            for name, parameter in net.named_parameters():
                parameter.grad = gradient[name].clone()
            optimizer.step()
    return {
        "made": "both",
        "loss": criterion(drawn["scores"], drawn["labels"]),
        "left_out": [name for name, part in net.named_parameters() if id(part) not in owned],
        "frozen": [name for name, part in net.named_parameters() if not part.requires_grad],
        "state": {name: tensor.detach() for name, tensor in net.state_dict().items()},
    }


# Of Adam, in place of its own 0.9 and 0.999.
_BETAS = ("0.5 0.999", "0.9 0.99", "0.9 0.95", "0.95 0.999", "0.5 0.9")


@dataclass(frozen=True)
class OptimizerChecks:
    """Checks of one making function, each to be called in a hidden test of its own.

    Attributes:
        optimizer: the class of `torch.optim` that is right, over all parameters.
        settings: its arguments besides the learning rate.
        loss: the class of `torch.nn` that is right, for scores (9, 6) and classes (9,).
        default_rate: the learning rate where none is passed.
        function: its name in the student's notebook.
        call: how it is called, `(function, net, learning_rate or None)`; shipped into the box. It returns
            criterion and optimizer.
    """

    optimizer: str = "Adam"
    settings: Mapping[str, Any] = field(default_factory=dict)
    loss: str = "NLLLoss"
    default_rate: float = 1e-4
    function: str = "make_criterion_and_optimizer"
    call: Callable[..., Any] = lectures_call

    def expect_loss(self, student: Student, challenge: Challenge) -> None:
        """Fail unless the criterion computes what it should; only what it computes is asked."""
        data = drawn_steps(challenge, 1e-3)
        loss = self.result_of(student, data)["loss"]
        scores, labels = data["scores"], data["labels"]
        right = getattr(nn, self.loss)()(scores, labels)
        expect_type(loss, torch.Tensor, "the loss")
        expect(
            loss.numel() == 1,
            f"The loss should be one number; yours is {describe(loss)}. Is its `reduction` set?",
        )
        seen = loss.reshape(1)
        matches = relative_difference(seen, [float(right)]) <= 1e-4
        wrong = _wrong_losses(self.loss, scores, labels, right)
        hint = "" if matches else likely_mistake(seen, wrong, 1e-4, "It is as if")
        if not matches and not hint and self._is_right_for_each(student, data):
            hint = "For one example at a time it is right. Do some classes count more than others (`weight`)?"
        expect_close(seen, [float(right)], rtol=1e-4, what="the criterion's value", hint=hint)

    def _is_right_for_each(self, student: Student, data: dict[str, Any]) -> bool:
        loss = getattr(nn, self.loss)()
        for number in range(len(data["labels"])):
            part = slice(number, number + 1)
            one = {**data, "scores": data["scores"][part], "labels": data["labels"][part]}
            right = [float(loss(one["scores"], one["labels"]))]
            if relative_difference(self.result_of(student, one)["loss"].reshape(-1), right) > 1e-4:
                return False
        return True

    def expect_optimizer(
        self,
        student: Student,
        challenge: Challenge,
        learning_rate: float | None,
        *,
        calms_down: bool = False,
        at_rest: bool = False,
    ) -> None:
        """Fail, with the mistake's name where it is known, unless parameters move as they should.

        Args:
            learning_rate: None leaves it to the function's default.
            calms_down: one step with large gradients before many with small ones, which tells apart what
                an optimizer remembers (Adam with amsgrad from Adam).
            at_rest: all gradients are 0, so that a weight decay alone moves anything. Steps of SGD hide one
                of 1e-4: it is 0.002 to 0.004 of them (100 challenges).
        """
        data = drawn_steps(challenge, learning_rate, calms_down=calms_down, at_rest=at_rest)
        reply = self.result_of(student, data)
        frozen = sequence(reply["frozen"], "The frozen parameters")
        expect(
            not frozen,
            "The network's parameters should all be trained, and some are frozen (requires_grad) afterwards.",
        )
        seen = updates(reply["state"], data["start"])
        rate = self.default_rate if learning_rate is None else learning_rate
        right = partial(getattr(torch.optim, self.optimizer), lr=rate, **self.settings)
        if relative_difference(seen, moved_by(data, right)) <= TOLERANCE:
            return
        wrong: dict[str, Callable[[], Floats]] = {
            name: partial(moved_by, data, make)
            for name, make in _others(self.optimizer, self.settings, rate).items()
        }
        wrong["none of the network's parameters were given to the optimizer"] = lambda: (
            np.zeros_like(seen)
        )
        what = f"The parameters did not move as {self.optimizer} moves them at this learning rate."
        told = {name: make for name, make in wrong.items() if name in student.mistakes_told}
        if likely_mistake(seen, told, TOLERANCE, ""):
            raise Explained(f"{what} The mistake that is named above explains this.")
        lead = "They moved as if"
        hint = likely_mistake(seen, wrong, TOLERANCE, lead)
        if not hint and sequence(reply["left_out"], "What is left out"):
            hint = (
                "The optimizer does not hold all of the network's parameters. Was it made before a layer was "
                "replaced?"
            )
        mistake = hint.removeprefix(lead).strip(" .")
        if mistake and mistake in student.mistakes_told:
            raise Explained(f"{what} The mistake that is named above explains this.")
        student.mistakes_told += [mistake] if mistake else []
        expect(False, f"{what} {hint}")

    def result_of(self, student: Student, data: dict[str, Any]) -> dict[str, Any]:
        """The criterion's value, and the state after the steps."""
        ask = criterion_and_steps.with_(call=self.call, make_criterion_and_optimizer=self.function)
        try:
            reply = fields(student.run(ask, drawn=data), "made")
        except StudentRaised as raised:
            raised = asking(raised, student.mistakes_told)
            raise raised from None
        made = reply["made"]
        expect(
            not (isinstance(made, str) and made == "no optimizer"),
            "The second result should be an optimizer of torch.optim. "
            f"Yours is {describe(reply.get('optimizer'))}.",
        )
        expect(
            isinstance(made, str) and made == "both",
            f"Two things should be returned, (criterion, optimizer); yours is {describe(made)}.",
        )
        return fields(reply, "loss", "state", "frozen", "left_out")


def drawn_steps(
    challenge: Challenge,
    learning_rate: float | None,
    *,
    calms_down: bool = False,
    at_rest: bool = False,
) -> dict[str, Any]:
    """Parameters, and gradients of very different sizes for three steps, or none `at_rest`.

    Where it calms down, one step with large gradients comes before many with small ones. Adam forgets the
    large one, by a thousandth a step; with amsgrad it does not.
    """
    rng = challenge.rng

    def drawn(shape: tuple[int, ...], scale: float = 1.0) -> torch.Tensor:
        # Sizes over four decades show epsilon, and large parameters show weight decay.
        size = 10.0 ** rng.uniform(-4, 0, shape)
        return torch.from_numpy(rng.normal(size=shape) * size * scale).float()

    start = {name: 3 + drawn(shape) for name, shape in _SHAPES.items()}
    scores, labels = drawn((9, 6)) * 3, torch.from_numpy(rng.integers(0, 6, 9))
    # Smaller second gradients and opposite third ones tell Adam's averages apart.
    gradients = [
        {name: drawn(shape, scale) for name, shape in _SHAPES.items()} for scale in (1, 0.1, -1)
    ]
    repeats = [1, 1, 1]
    if calms_down:
        large = {
            name: torch.from_numpy(rng.choice([-1, 1], shape) * rng.uniform(0.5, 2, shape)).float()
            for name, shape in _SHAPES.items()
        }
        gradients = [large, {name: 0.01 * gradient for name, gradient in large.items()}]
        repeats = [1, 200]
    if at_rest:
        gradients = [{name: torch.zeros(shape) for name, shape in _SHAPES.items()}]
        repeats = [3]
    return {
        "learning_rate": learning_rate,
        "scores": scores,
        "labels": labels,
        "start": start,
        "gradients": gradients,
        "repeats": repeats,
    }


def moved_by(data: dict[str, Any], make: Callable[..., torch.optim.Optimizer]) -> Floats:
    """The updates by an optimizer of ours, made from the network's parameters."""

    def made(net: nn.Module, _rate: float | None = None) -> tuple[nn.Module, torch.optim.Optimizer]:
        return nn.NLLLoss(), make(net.parameters())

    ask = criterion_and_steps.with_(call=lectures_call)
    return updates(ask(made, drawn=data)["state"], data["start"])


def _others(
    right: str, settings: Mapping[str, Any], rate: float
) -> dict[str, Callable[..., torch.optim.Optimizer]]:
    """Optimizers that are not the right one, by the words that name them."""
    optim = torch.optim
    own = partial(getattr(optim, right), **settings)
    others: dict[str, Callable[..., torch.optim.Optimizer]] = {
        f"{name} were used, and not {right}": partial(getattr(optim, name), lr=rate)
        for name in ("SGD", "Adam", "AdamW", "RMSprop", "NAdam", "Adagrad")
        if name != right
    }
    if right != "SGD":
        others[f"SGD with a momentum of 0.9 were used, and not {right}"] = partial(
            optim.SGD, lr=rate, momentum=0.9
        )
    elif settings.get("momentum"):
        others["SGD had Nesterov's momentum"] = partial(own, lr=rate, nesterov=True)
        for momentum in (0.5, 0.99):
            others[f"SGD's momentum were {momentum}"] = partial(own, lr=rate, momentum=momentum)
    for name in settings:
        left = {other: value for other, value in settings.items() if other != name}
        others[f"{right} had no {name.replace('_', ' ')}"] = partial(
            getattr(optim, right), lr=rate, **left
        )
    for decay in ("0.01", "5e-4", *(("1e-4",) if right == "SGD" else ())):
        others[f"{right} had the weight decay {decay}"] = partial(
            own, lr=rate, weight_decay=float(decay)
        )
    if right.startswith("Adam"):
        others[f"{right} had amsgrad"] = partial(own, lr=rate, amsgrad=True)
        for first, second in map(str.split, _BETAS):
            betas = (float(first), float(second))
            others[f"{right} had other betas, ({first}, {second})"] = partial(
                own, lr=rate, betas=betas
            )
        for epsilon in ("1e-1", "1e-2", "1e-3", "1e-4", "1e-5", "1e-6"):
            others[f"{right} had the epsilon {epsilon}"] = partial(own, lr=rate, eps=float(epsilon))
    return {
        **others,
        f"{right} made the loss larger (maximize)": partial(own, lr=rate, maximize=True),
        "the learning rate were always torch's own default": own,
        "the learning rate were always 1e-4": partial(own, lr=1e-4),
        "the learning rate were ten times as large": partial(own, lr=10 * rate),
        "the learning rate were a hundred times as large": partial(own, lr=100 * rate),
        "the learning rate were a tenth of it": partial(own, lr=rate / 10),
        "the learning rate were a hundredth of it": partial(own, lr=rate / 100),
        "only the last layer's parameters were given to the optimizer": lambda parameters: own(
            list(parameters)[-2:], lr=rate
        ),
        "only the weights were given to the optimizer, and no bias": lambda parameters: own(
            (part for part in parameters if part.ndim > 1), lr=rate
        ),
    }


def _wrong_losses(
    loss: str, scores: torch.Tensor, labels: torch.Tensor, right: torch.Tensor
) -> dict[str, Callable[[], list[Any]]]:
    functional = nn.functional
    wrong: dict[str, Callable[[], list[Any]]] = {
        "the losses were added up and not averaged": lambda: [right * len(labels)]
    }
    if loss == "NLLLoss":
        wrong["the criterion took a log-softmax of its own (cross-entropy)"] = lambda: [
            functional.cross_entropy(scores, labels)
        ]
        wrong[
            "the criterion took a log-softmax of its own (cross-entropy), and smoothed the labels by 0.1"
        ] = lambda: [functional.cross_entropy(scores, labels, label_smoothing=0.1)]
    if loss == "CrossEntropyLoss":
        wrong["the criterion took log-probabilities, and no raw scores (NLLLoss)"] = lambda: [
            functional.nll_loss(scores, labels)
        ]
        wrong["the labels were smoothed by 0.1"] = lambda: [
            functional.cross_entropy(scores, labels, label_smoothing=0.1)
        ]
    return wrong
