"""What is trained in a training check: a network, examples for it, and a loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import nn

from autograder.grading.probe import Probe
from autograder.grading.student import Challenge

Examples = tuple[torch.Tensor, torch.Tensor]  # inputs (n, …) and labels (n, …)
Tensors = Mapping[str, torch.Tensor]


def as_called(function: Any, *arguments: Any) -> Any:
    """How a student's function is called where nothing else is said: with the lecture's arguments."""
    return function(*arguments)


def as_they_are(outputs: torch.Tensor) -> torch.Tensor:
    """The activation of a loop that hands the network's outputs to the loss as they come."""
    return outputs


def scores_of(task: Task, outputs: Any) -> torch.Tensor:
    """What the network says of each class, (n, classes) or (n, classes, …).

    That is its outputs; or what the task's activation makes of them where there is more, a state beside the
    scores, or scores for each place of a sequence, (n, places, classes).
    """
    plain = isinstance(outputs, torch.Tensor) and outputs.ndim < 3
    scores: torch.Tensor = outputs if plain else task.activation(outputs)
    return scores


log_softmax = partial(torch.log_softmax, dim=1)  # the activation for NLLLoss


def no_options(_rng: np.random.Generator) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Task:
    """A small network to train, with what it is trained on. Everything in it should take milliseconds.

    Attributes:
        build: makes the network, from `options`. Its source is shipped into the box, so it imports
            what it needs; no random layers (dropout), since both sides must compute the same.
        examples: draws so many examples, `(rng, count, **options) -> inputs, labels`. Labels of an
            integer type are classes, others are numbers to meet.
        options: draws the keyword arguments of `build` and `examples`, the same for both.
        loss: the name of a class in `torch.nn`, made without arguments.
        activation: what the student's loop puts between the network's outputs and the loss, as the
            assignment asks; nothing by default.
        uses: helpers of `build` (classes, functions), shipped with it.
        noun: one example, in the singular, for messages.
    """

    build: Callable[..., nn.Module]
    examples: Callable[..., Examples]
    options: Callable[[np.random.Generator], dict[str, Any]] = no_options
    loss: str = "CrossEntropyLoss"
    activation: Callable[[torch.Tensor], torch.Tensor] = as_they_are
    uses: tuple[Callable[..., Any], ...] = ()
    noun: str = "example"

    def network(self, options: Mapping[str, Any], state: Tensors) -> nn.Module:
        """The network with these parameters and buffers."""
        net = self.build(**options)
        net.load_state_dict(dict(state))
        return net

    def probe(self, ask: Probe, call: Callable[..., Any] = as_called, **function: str) -> Probe:
        """A probe of this task's network.

        Args:
            call: how the function is called that is asked about; shipped into the box.
            function: its name in the student's notebook, by the probe's parameter for it.
        """
        return ask.with_(build=self.build, call=call, uses=self.uses, **function)

    def criterion(self) -> nn.Module:
        made: nn.Module = getattr(nn, self.loss)()
        return made


@dataclass(frozen=True)
class Drawn:
    """What one test asks a function that trains: plain data for its probe.

    Attributes:
        data: what the probe is asked with; `state`, `options` and `device_name` among it.
    """

    task: Task
    data: dict[str, Any]

    @cached_property
    def parameters(self) -> Tensors:
        """The network's parameters at the start, without its buffers."""
        state = self.data["state"]
        return {name: state[name] for name, _ in self.network().named_parameters()}

    @property
    def buffers(self) -> Tensors:
        """What the network keeps besides its parameters, running statistics of batches among it."""
        state = self.data["state"]
        return {name: tensor for name, tensor in state.items() if name not in self.parameters}

    def network(self) -> nn.Module:
        """The network as it is at the start."""
        return self.task.network(self.data["options"], self.data["state"])

    def on(self, device_name: str) -> Drawn:
        """The same, to be computed on another device."""
        return Drawn(self.task, {**self.data, "device_name": device_name})

    @property
    def there(self) -> str:
        """Words for a device other than the CPU, on which all has passed before."""
        return "" if self.data["device_name"] == "cpu" else " on the GPU"

    def batches(self) -> list[Examples]:
        """The examples as the loader gives them."""
        size = self.data["batch_size"]
        inputs, labels = self.data["inputs"].split(size), self.data["labels"].split(size)
        return list(zip(inputs, labels, strict=True))


def drawn_state(build: Callable[[], Any], seed: int) -> dict[str, torch.Tensor]:
    """Initial parameters and buffers of a network, drawn with a seed. Used on the trusted side."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {name: tensor.clone() for name, tensor in build().state_dict().items()}


def epoch_examples(task: Task, challenge: Challenge) -> dict[str, Any]:
    """Draw a network and four batches, and a last one that is smaller and stands out.

    Its inputs, where they are real numbers, are larger, and its labels are those that the network thinks
    least likely (numbers: far away). So its loss is larger, and a mean of batch means is not the mean over
    the examples.
    """
    rng = challenge.rng
    batch_size = int(rng.integers(7, 12))
    last = int(rng.integers(3, 5))
    count = batch_size * 4 + last
    options = task.options(rng)
    inputs, labels = task.examples(rng, count, **options)
    if inputs.is_floating_point():
        inputs[-last:] = inputs[-last:] * 3 + 1
    state = drawn_state(lambda: task.build(**options), challenge.seed)
    with torch.no_grad():
        outputs = task.network(options, state).eval()(inputs[-last:])
    outputs = scores_of(task, outputs)
    if task.loss.startswith("BCE"):
        labels[-last:] = (outputs < 0).to(labels)
    elif labels.is_floating_point():
        labels[-last:] += 2 + 2 * labels.abs().amax()
    else:
        labels[-last:] = outputs.argmin(dim=1)
    return {
        "state": state,
        "inputs": inputs,
        "labels": labels,
        "batch_size": batch_size,
        "options": options,
    }
