"""Fits that are wrong on purpose, each a mistake that students make; `loops` has the loops of one epoch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from autograder.grading.training.fit_challenges import Fit
from autograder.grading.training.task import Task


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


class _Chained:
    """The batches of several loaders, one after the other."""

    def __init__(self, loaders: list[Any]) -> None:
        self._loaders = loaders

    def __iter__(self) -> Any:
        return itertools.chain.from_iterable(self._loaders)


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

    def trained_on_both(*args: Any) -> Any:
        net, train_loader, test_loader, epochs, learning_rate, device = args
        both = _Chained([train_loader, test_loader])
        return reference(net, both, test_loader, epochs, learning_rate, device)

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
        f"the test {task.noun}s were trained on as well": trained_on_both,
        "only the last layer's parameters were given to the optimizer": with_(
            optimizer=lambda parameters, lr: right(list(parameters)[-2:], lr=lr)
        ),
    }
