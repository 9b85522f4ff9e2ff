"""Checks of a function that makes an optimizer with a learning rate for each part of a network.

It is known by how parameters move with gradients that are set by hand. Those of a frozen part are set, too:
what the optimizer does not hold stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn

from autograder.grading.compare import describe, expect, relative_difference
from autograder.grading.probe import probe
from autograder.grading.replies import Floats, fields, likely_mistake, updates
from autograder.grading.student import Challenge, Student
from autograder.grading.training.as_drawn import network_as_drawn
from autograder.grading.training.optimizer import TOLERANCE
from autograder.grading.training.task import Task, drawn_state

Rates = Mapping[str, float]


@probe(uses=(network_as_drawn,))
def steps_by_part(make_optimizer: Any, build: Any, call: Any, drawn: Any) -> Any:
    """The parameters after steps with the given gradients, of a network with frozen parts."""
    import torch

    net = network_as_drawn(build, drawn)
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.split(".")[0] not in drawn["frozen"]
    optimizer = call(make_optimizer, net, drawn["rates"])
    if not isinstance(optimizer, torch.optim.Optimizer):
        return {"made": optimizer}
    for gradient in drawn["gradients"]:
        for name, parameter in net.named_parameters():
            parameter.grad = gradient[name].clone()
        optimizer.step()
    state = {name: tensor.detach() for name, tensor in net.state_dict().items()}
    return {"made": "an optimizer", "state": state}


@dataclass(frozen=True)
class RateChecks:
    """Checks of one making function, each to be called in a hidden test of its own.

    Attributes:
        task: the network; its parts are its children, whose names the rates have.
        call: how the function is called, `(function, net, rates)`, with the rates by part; shipped into
            the box. It returns the optimizer.
        optimizer: the class of `torch.optim` that is right.
        settings: its arguments besides the learning rates.
        function: its name in the student's notebook.
    """

    task: Task
    call: Callable[..., Any]
    optimizer: str = "Adam"
    settings: Mapping[str, Any] = field(default_factory=dict)
    function: str = "make_optimizer"

    def expect_rates(
        self, student: Student, challenge: Challenge, rates: Rates, frozen: Sequence[str] = ()
    ) -> None:
        """Fail, with the mistake's name where it is known, unless each part moves at its own rate.

        Args:
            rates: by part, all parts of the network.
            frozen: the parts whose parameters require no gradient. They should not move at all.
        """
        data = self._drawn(challenge, rates, frozen)
        ask = self.task.probe(steps_by_part, self.call, make_optimizer=self.function)
        reply = fields(student.run(ask, drawn=data), "made")
        made = reply["made"]
        expect(
            isinstance(made, str) and made == "an optimizer",
            f"An optimizer of torch.optim should be returned; yours is {describe(made)}.",
        )
        start = self._parameters(data)
        seen = updates(fields(reply, "state")["state"], start)
        right = {part: rate for part, rate in rates.items() if part not in frozen}
        if relative_difference(seen, self._moved(data, right)) <= TOLERANCE:
            return
        wrong: dict[str, Callable[[], Floats]] = {
            name: partial(self._moved, data, held, make)
            for name, (held, make) in self._mistakes(rates, right).items()
        }
        hint = likely_mistake(seen, wrong, TOLERANCE, "They moved as if")
        expect(False, f"The parameters did not move, each part at its own rate. {hint}")

    def _mistakes(self, rates: Rates, right: Rates) -> dict[str, tuple[Rates, Any]]:
        """The rates of the parts that are held, and what makes an optimizer, by the words that name it."""
        optim, own = torch.optim, self._make
        some: dict[str, tuple[Rates, Any]] = {}
        if set(right) != set(rates):
            some["the frozen part were held by the optimizer as well"] = rates, own
        for part, rate in rates.items():
            same = dict.fromkeys(right, rate)
            which = "all parts" if len(right) > 1 else f"the {next(iter(right))}"
            some[f"{which} had the rate of the {part}"] = same, own
            if part in right:
                some[f"only the {part} were held by the optimizer"] = {part: rate}, own
        names = list(right)
        turned = dict(zip(names, [right[name] for name in reversed(names)], strict=True))
        some["the rates were exchanged"] = turned, own
        default = dict.fromkeys(right, 1e-3)
        some["the rates were always torch's own default"] = default, own
        some |= {
            f"{name} were used, and not {self.optimizer}": (right, getattr(optim, name))
            for name in ("SGD", "Adam", "AdamW", "RMSprop")
            if name != self.optimizer
        }
        some["there were a weight decay, of a hundredth"] = right, partial(own, weight_decay=0.01)
        some["nothing were held by the optimizer"] = {}, own
        # With one part left, all its rates are the right one.
        return {
            name: (held, make)
            for name, (held, make) in some.items()
            if held != right or make != own
        }

    def _make(self, groups: Any, **options: Any) -> torch.optim.Optimizer:
        made: torch.optim.Optimizer = getattr(torch.optim, self.optimizer)(
            groups, **self.settings, **options
        )
        return made

    def _moved(self, data: dict[str, Any], held: Rates, make: Any = None) -> Floats:
        """The updates by an optimizer of ours that holds these parts."""

        def made(net: nn.Module, _rates: Rates) -> torch.optim.Optimizer:
            if not held:
                return torch.optim.SGD(net.parameters(), lr=0.0)
            groups = [
                {"params": [*net.get_submodule(part).parameters()], "lr": rate}
                for part, rate in held.items()
            ]
            optimizer: torch.optim.Optimizer = (make or self._make)(groups)
            return optimizer

        ask = self.task.probe(steps_by_part)
        return updates(ask(made, drawn=data)["state"], self._parameters(data))

    def _parameters(self, data: dict[str, Any]) -> dict[str, torch.Tensor]:
        return {name: data["state"][name] for name in data["gradients"][0]}

    def _drawn(self, challenge: Challenge, rates: Rates, frozen: Sequence[str]) -> dict[str, Any]:
        """Large parameters, which show a decay, and gradients of many sizes for three steps."""
        rng = challenge.rng
        options = self.task.options(rng)
        state = drawn_state(lambda: self.task.build(**options), challenge.seed)
        names = [name for name, _ in self.task.network(options, state).named_parameters()]
        for name in names:
            state[name] = 2 + torch.from_numpy(rng.normal(size=state[name].shape)).float()

        def gradient(scale: float) -> dict[str, torch.Tensor]:
            shapes = {name: state[name].shape for name in names}
            return {
                name: scale
                * torch.from_numpy(rng.normal(size=shape) * 10 ** rng.uniform(-3, 0, shape)).float()
                for name, shape in shapes.items()
            }

        return {
            "state": state,
            "options": options,
            "rates": dict(rates),
            "frozen": list(frozen),
            "gradients": [gradient(scale) for scale in (1, 0.1, -1)],
        }
