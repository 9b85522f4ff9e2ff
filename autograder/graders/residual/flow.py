"""What is asked about gradients: a network and a batch, norms that are wrong on purpose, and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from autograder.graders.figures import axes_drawn, points_drawn
from autograder.grading import Challenge, probe
from autograder.grading.training import drawn_state

Norms = dict[str, float]


def deep_net(depth: int, width: int, classes: int) -> Any:
    """A chain of convolutions with batch normalisation, for images (B, 3, 6, 6)."""
    from torch import nn

    layers: list[Any] = [nn.Conv2d(3, width, 3, padding=1)]
    for _ in range(depth):
        layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


@probe(uses=(deep_net,))
def norms_of(
    gradient_norms: Any,
    state: Any,
    options: Any,
    images: Any,
    labels: Any,
    training: bool,
    earlier: Any,
) -> Any:
    """The norms of a network that has gradients of an earlier batch, and what is left of the network."""
    net = deep_net(**options)
    net.load_state_dict(state)
    net.train(training)
    for name, parameter in net.named_parameters():
        parameter.grad = earlier[name].clone()
    norms = gradient_norms(net, images, labels)
    return {
        "norms": [[name, norms[name]] for name in norms] if isinstance(norms, dict) else norms,
        "is_dict": isinstance(norms, dict),
        "state": {name: part.detach() for name, part in net.named_parameters()},
        "trains_after": [part.training for part in net.modules()],
        "requires_grad": all(part.requires_grad for part in net.parameters()),
    }


def drawn_batch(challenge: Challenge, training: bool) -> dict[str, Any]:
    """A network, a batch, and gradients of an earlier one, about as large as those to come."""
    rng = challenge.rng
    options = {
        "depth": int(rng.integers(3, 6)),
        "width": int(rng.integers(4, 8)),
        "classes": int(rng.integers(3, 7)),
    }
    state = drawn_state(lambda: deep_net(**options), challenge.seed)
    for name, part in state.items():
        if name.endswith("running_var"):
            part *= torch.from_numpy(rng.uniform(0.2, 3, part.shape)).float()
    count = int(rng.integers(7, 12))
    images = torch.from_numpy(rng.normal(size=(count, 3, 6, 6)) + 0.3).float()
    labels = torch.from_numpy(rng.integers(0, options["classes"], count))
    net = network(options, state)
    torch.autograd.backward(F.cross_entropy(net(images.flip(0) * 2), labels))
    earlier = {name: part.grad for name, part in net.named_parameters()}
    return {
        "state": state,
        "options": options,
        "images": images,
        "labels": labels,
        "training": training,
        "earlier": earlier,
    }


def network(options: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> nn.Module:
    net: nn.Module = deep_net(**options)
    net.load_state_dict(dict(state))
    return net


def measured(
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = F.cross_entropy,
    norm: Callable[[torch.Tensor], Any] = torch.linalg.vector_norm,
    training: bool = True,
    before: str = "zero_grad",
    of_weights: bool = False,
) -> Callable[..., Norms]:
    """A gradient_norms with these habits; the defaults are right.

    Args:
        before: what is done with the gradients of an earlier batch: "zero_grad", "keep" (this batch's are
            added), or "read" (they are measured).
    """

    def gradient_norms(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Norms:
        net.train(training)
        if before == "zero_grad":
            net.zero_grad()
        if before != "read":
            torch.autograd.backward(loss(net(images), labels))
        parts = {name: part for name, part in net.named_parameters() if part.ndim > 1}
        return {
            name: float(norm(part.detach() if of_weights or part.grad is None else part.grad))
            for name, part in parts.items()
        }

    return gradient_norms


def _added_up(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(scores, labels, reduction="sum")


def _after_softmax(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(scores.softmax(dim=1), labels)


WRONG_NORMS: dict[str, Callable[..., Norms]] = {
    "the gradients were read before backward(), or after they were set to zero": measured(
        norm=lambda _gradient: 0.0
    ),
    "gradients from before were measured, and not this batch's": measured(before="read"),
    "the gradients were added to those that the network had from before": measured(before="keep"),
    "the gradients were added up, with their signs, in place of a norm": measured(norm=torch.sum),
    "the gradients' sizes were added up (the 1-norm)": measured(norm=lambda g: g.abs().sum()),
    "the gradients' sizes were averaged": measured(norm=lambda g: g.abs().mean()),
    "the gradients' squares were averaged, and the root taken": measured(
        norm=lambda g: g.square().mean().sqrt()
    ),
    "the norm were squared (is the root missing?)": measured(norm=lambda g: g.square().sum()),
    "the largest number of the gradient were taken": measured(norm=lambda g: g.abs().amax()),
    "the weights were measured, and not their gradients": measured(of_weights=True),
    "the network were in evaluation mode": measured(training=False),
    "softmax were applied before the cross-entropy, which takes raw scores": measured(
        _after_softmax
    ),
    "the losses of the images were added up and not averaged": measured(_added_up),
}


@probe(uses=(axes_drawn, points_drawn))
def drawn_flow(plot_gradient_flow: Any, flows: Any) -> Any:
    """The axes of the figure: scale, labels, legend and the points of its lines."""

    def look(axis: Any, figure: Any) -> Any:
        legends = [legend for legend in (axis.get_legend(), *figure.legends) if legend]
        texts = [*(text for legend in legends for text in legend.get_texts()), *axis.texts]
        return {
            "scale": axis.get_yscale(),
            "ylabel": axis.get_ylabel(),
            "legend": [text.get_text() for text in texts],
            "points": points_drawn(axis),
        }

    return axes_drawn(lambda: plot_gradient_flow(flows), look)
