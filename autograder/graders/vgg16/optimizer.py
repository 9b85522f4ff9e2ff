"""What the grader of make_criterion_and_optimizer asks; it tells Adam from its relatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from autograder.graders.vgg16 import reference
from autograder.grading import (
    Challenge,
    Floats,
    Student,
    describe,
    expect,
    fields,
    likely_mistake,
    probe,
    relative_difference,
    updates,
)

# Adam's implementations (for-loop, foreach, fused) differ by rounding: a float32 parameter near 3
# has steps of 2.4e-7, which is 0.0024 of an update of 1e-4 (and less of larger ones). AdamW at its
# default decay moves such a parameter by 3 % of a step more.
TOLERANCE = 5e-3


@probe
def criterion_and_steps(
    make_criterion_and_optimizer: Any,
    learning_rate: Any,
    scores: Any,
    labels: Any,
    start: Any,
    gradients: Any,
    repeats: Any,
) -> Any:
    """The criterion's value, and the parameters after steps with each of the given gradients."""
    import torch
    from torch import nn

    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(20, 6))
    net.load_state_dict(start)
    make = make_criterion_and_optimizer
    made = make(net) if learning_rate is None else make(net, learning_rate)
    if not isinstance(made, tuple | list) or len(made) != 2 or not callable(made[0]):
        return {"made": made}
    criterion, optimizer = made
    if not isinstance(optimizer, torch.optim.Optimizer):
        return {"made": "no optimizer", "optimizer": optimizer}
    for gradient, times in zip(gradients, repeats):  # noqa: B905
        for _ in range(times):
            for name, parameter in net.named_parameters():
                parameter.grad = gradient[name].clone()
            optimizer.step()
    return {
        "made": "both",
        "loss": criterion(scores, labels),
        "state": {name: tensor.detach() for name, tensor in net.state_dict().items()},
    }


class AdamChallenge:
    """Parameters, and gradients of very different sizes for three steps.

    Where it calms down, one step with large gradients comes before many with small ones. Adam forgets the
    large one, by a thousandth a step; with amsgrad it does not.
    """

    def __init__(
        self, challenge: Challenge, learning_rate: float | None, *, calms_down: bool = False
    ) -> None:
        rng = challenge.rng
        shapes = {"0.weight": (5, 3, 3, 3), "0.bias": (5,), "3.weight": (6, 20), "3.bias": (6,)}

        def drawn(shape: tuple[int, ...], scale: float = 1.0) -> torch.Tensor:
            # Sizes over four decades show epsilon, and large parameters show weight decay.
            size = 10.0 ** rng.uniform(-4, 0, shape)
            return torch.from_numpy(rng.normal(size=shape) * size * scale).float()

        self.start = {name: 3 + drawn(shape) for name, shape in shapes.items()}
        # Smaller second gradients and opposite third ones tell Adam's averages apart.
        self.scores, self.labels = drawn((9, 6)) * 3, torch.from_numpy(rng.integers(0, 6, 9))
        self.learning_rate = learning_rate
        self.data: dict[str, Any] = {
            "learning_rate": learning_rate,
            "scores": self.scores,
            "labels": self.labels,
            "start": self.start,
            "gradients": [
                {name: drawn(shape, scale) for name, shape in shapes.items()}
                for scale in (1, 0.1, -1)
            ],
            "repeats": [1, 1, 1],
        }
        if calms_down:
            large = {
                name: torch.from_numpy(
                    rng.choice([-1, 1], shape) * rng.uniform(0.5, 2, shape)
                ).float()
                for name, shape in shapes.items()
            }
            self.data["gradients"] = [
                large,
                {name: 0.01 * gradient for name, gradient in large.items()},
            ]
            self.data["repeats"] = [1, 200]

    def of(self, student: Student) -> dict[str, Any]:
        reply = fields(student.run(criterion_and_steps, **self.data), "made")
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
        return fields(reply, "loss", "state")

    def moved(self, make: Any) -> Floats:
        """The updates that another make_criterion_and_optimizer leads to."""
        return updates(criterion_and_steps(make, **self.data)["state"], self.start)

    def expect_adam(self, seen: Floats) -> None:
        if (
            relative_difference(seen, self.moved(reference.make_criterion_and_optimizer))
            <= TOLERANCE
        ):
            return
        lr = self.learning_rate or 1e-4
        optim = torch.optim

        def using(make: Callable[[torch.nn.Module], torch.optim.Optimizer]) -> Callable[[], Floats]:
            return lambda: self.moved(lambda net, _rate=None: (torch.nn.NLLLoss(), make(net)))

        hint = likely_mistake(
            seen,
            {
                "SGD were used, and not Adam": using(lambda net: optim.SGD(net.parameters(), lr)),
                "AdamW were used, and not Adam": using(
                    lambda net: optim.AdamW(net.parameters(), lr)
                ),
                "RMSprop were used, and not Adam": using(
                    lambda net: optim.RMSprop(net.parameters(), lr)
                ),
                "Adam had the weight decay 0.01": using(
                    lambda net: optim.Adam(net.parameters(), lr, weight_decay=1e-2)
                ),
                "Adam had the weight decay 5e-4": using(
                    lambda net: optim.Adam(net.parameters(), lr, weight_decay=5e-4)
                ),
                "Adam had amsgrad": using(
                    lambda net: optim.Adam(net.parameters(), lr, amsgrad=True)
                ),
                "the learning rate were always torch's own default": using(
                    lambda net: optim.Adam(net.parameters())
                ),
                "the learning rate were always 1e-4": using(
                    lambda net: optim.Adam(net.parameters(), 1e-4)
                ),
                "only the last layer's parameters were given to the optimizer": using(
                    lambda net: optim.Adam(list(net.parameters())[-2:], lr)
                ),
                "only the weights were given to the optimizer, and no bias": using(
                    lambda net: optim.Adam((p for p in net.parameters() if p.ndim > 1), lr)
                ),
                "no parameters were given to the optimizer": lambda: np.zeros_like(seen),
            },
            TOLERANCE,
            "They moved as if",
        )
        expect(
            False, f"The parameters did not move as Adam moves them at this learning rate. {hint}"
        )
