"""What notebook 2 is judged with: its tasks, checks, and fits that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from autograder.data import DRAWN_CLASSES, draw_images
from autograder.data.transfer_tools import NEW, OLD, images_of, small_net
from autograder.graders.image_sources import images_and_labels
from autograder.graders.transfer import reference
from autograder.grading import Challenge
from autograder.grading.training import (
    Budget,
    Drawn,
    EpochChecks,
    FitChecks,
    Habits,
    RateChecks,
    ShortRun,
    Task,
    answers_well,
    as_they_are,
    drawn_state,
    loop,
    loss_falls,
    wrong_loops,
)

FOLDER = Path(__file__).parent
FILE = FOLDER / "trained.safetensors"


def tiny_net(classes: int) -> Any:
    """The notebooks' network in small, for images (B, 3, 8, 8)."""
    return small_net(classes, (6, 8))


def frozen_net(classes: int) -> Any:
    """The same with a frozen body."""
    net = small_net(classes, (6, 8))
    for parameter in net.body.parameters():
        parameter.requires_grad = False
    return net


def _task(build: Callable[..., Any], classes: tuple[int, int] = (3, 6)) -> Task:
    return Task(
        build=build,
        examples=images_and_labels,
        options=lambda rng: {"classes": int(rng.integers(*classes))},
        uses=(small_net,),
        noun="image",
    )


TUNED, FROZEN, FITTED = _task(tiny_net), _task(frozen_net), _task(tiny_net, (3, 4))


# How the students' functions are called; shipped into the box.


def rates_call(make_optimizer: Any, net: Any, rates: Any) -> Any:
    return make_optimizer(net, rates["head"], rates["body"])


def epoch_call(
    train_epoch: Any, net: Any, loader: Any, _loss: Any, optimizer: Any, device: Any
) -> Any:
    return train_epoch(net, loader, optimizer, device)


def fit_call(
    fine_tune: Any, net: Any, train: Any, test: Any, epochs: Any, rates: Any, device: Any
) -> Any:
    head = epochs // 3
    return fine_tune(net, train, test, head, epochs - head, rates["head"], rates["body"], device)


RATES = RateChecks(TUNED, rates_call)
EPOCH = EpochChecks(
    TUNED, norm_task=TUNED, call=epoch_call, reference=reference.loop, own_loss=True
)
FROZEN_EPOCH = EpochChecks(
    FROZEN,
    norm_task=FROZEN,
    call=epoch_call,
    reference=reference.loop,
    own_loss=True,
    wrong={"the frozen body were in training mode": loop(Habits(as_they_are))},
)


def fit_challenge(challenge: Challenge, epochs: int) -> Drawn:
    """Images of three colours, which a small network learns in a few steps.

    Most of the test labels are wrong, so that an accuracy on the training images is another one.
    """
    rng = challenge.rng
    classes, batch_size = 3, int(rng.integers(9, 13))
    data: dict[str, Any] = {}
    for part, count in {"": batch_size * 4 + 5, "test_": batch_size * 5}.items():
        labels = rng.integers(0, classes, count)
        images = rng.normal(size=(count, 3, 8, 8))
        images[np.arange(count), labels] += 0.7
        wrong = rng.random(count) < 0.7 if part else np.arange(count) >= count - 5
        labels[wrong] = (labels[wrong] + 1) % classes
        data[f"{part}inputs"] = torch.from_numpy(images).float()
        data[f"{part}labels"] = torch.from_numpy(labels)
    head_rate = float(rng.uniform(1e-2, 2e-2))
    return Drawn(
        FITTED,
        {
            **data,
            "state": drawn_state(lambda: tiny_net(classes), challenge.seed),
            "batch_size": batch_size,
            "options": {"classes": classes},
            "epochs": epochs,
            "learning_rate": {"head": head_rate, "body": head_rate * float(rng.uniform(0.2, 0.4))},
            "device_name": "cpu",
        },
    )


def _tuned(
    *,
    frozen: tuple[bool, bool] = (True, False),
    one_optimizer: str = "",
    rates: Callable[[float, float], tuple[float, float]] = lambda head, body: (head, body),
    epochs: Callable[[int, int], tuple[int, int]] = lambda head, both: (head, both),
    train: Callable[..., float] = reference.train_epoch,
    on_test_images: bool = False,
) -> Callable[..., Any]:
    """Fine-tuning with other habits, without its history.

    Args:
        frozen: whether the body is, in the first part and in the second.
        one_optimizer: for both parts, made "before" or "after" the body is frozen.
    """

    def fit(net: Any, train_set: Any, test_set: Any, count: int, given: Any, device: Any) -> Any:
        loader = test_set if on_test_images else train_set
        head_rate, body_rate = rates(given["head"], given["body"])
        numbers = epochs(count // 3, count - count // 3)
        optimizer = None
        if one_optimizer == "before":
            optimizer = reference.make_optimizer(net, head_rate, body_rate)
        for number, still in zip(numbers, frozen, strict=True):
            reference.freeze_body(net, still)
            if optimizer is None or not one_optimizer:
                optimizer = reference.make_optimizer(net, head_rate, body_rate)
            for _ in range(number):
                train(net, loader, optimizer, device)
        return {}

    return fit


def _all_in_training_mode(net: Any, loader: Any, optimizer: Any, device: Any) -> float:
    return loop(Habits(as_they_are))(net, loader, torch.nn.CrossEntropyLoss(), optimizer, device)


def _all_in_evaluation_mode(net: Any, loader: Any, optimizer: Any, device: Any) -> float:
    wrong = loop(Habits(as_they_are, training=False))
    return wrong(net, loader, torch.nn.CrossEntropyLoss(), optimizer, device)


WRONG_FITS: dict[str, Callable[..., Any]] = {
    "the body were never frozen": _tuned(frozen=(False, False)),
    "the body stayed frozen to the end": _tuned(frozen=(True, True)),
    "the body were trained first, and frozen then": _tuned(frozen=(False, True)),
    "the optimizer of the first part, which does not hold the body, made the steps of the second as well": (
        _tuned(one_optimizer="after")
    ),
    "one optimizer, made before the body was frozen, made the steps of both parts": (
        _tuned(one_optimizer="before")
    ),
    "the body were tuned at the head's rate": _tuned(rates=lambda head, _body: (head, head)),
    "the head were trained at the body's rate": _tuned(rates=lambda _head, body: (body, body)),
    "the two rates were exchanged": _tuned(rates=lambda head, body: (body, head)),
    "the first part were left out": _tuned(epochs=lambda _head, both: (0, both)),
    "the second part were left out": _tuned(epochs=lambda head, _both: (head, 0)),
    "the two numbers of epochs were exchanged": _tuned(epochs=lambda head, both: (both, head)),
    "the second part had one epoch too few": _tuned(epochs=lambda head, both: (head, both - 1)),
    "the test images were trained on": _tuned(on_test_images=True),
    "the frozen body were in training mode": _tuned(train=_all_in_training_mode),
    "the body were in evaluation mode while it was tuned": _tuned(train=_all_in_evaluation_mode),
}


def _beside_a_frozen_body(wrong: Callable[..., float]) -> Callable[..., float]:
    """A loop that is wrong in one way alone: a frozen body is in evaluation mode, as it should be."""

    def train(net: Any, loader: Any, optimizer: Any, device: Any) -> float:
        if not any(parameter.requires_grad for parameter in net.body.parameters()):
            net.body.eval()
            net.body.train = lambda _mode=True: net.body
        try:
            return wrong(net, loader, torch.nn.CrossEntropyLoss(), optimizer, device)
        finally:
            vars(net.body).pop("train", None)

    return train


# Everything that the graders know as a mistake in training, by the words that name it.
WRONG = {
    name: _tuned(train=_beside_a_frozen_body(wrong)) for name, wrong in wrong_loops(TUNED).items()
} | WRONG_FITS
FIT = FitChecks(
    FITTED,
    fit_challenge,
    reference.fit,
    WRONG_FITS,
    function="fine_tune",
    call=fit_call,
    stands_on=("make_optimizer", "train_epoch"),
)


# The short run, on images of the classes that are new to the trained network.


def new_images(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """So many drawn images (n, 3, 32, 32) of the new classes, and their labels."""
    tens = -(-count // len(NEW))  # as many of each class are drawn
    pixels, labels = draw_images(tens * len(DRAWN_CLASSES), seed)
    images, numbers = images_of(NEW, DRAWN_CLASSES, pixels, labels)
    return images[:count], numbers[:count]


def trained() -> dict[str, torch.Tensor]:
    """The parameters and buffers that the notebooks begin with."""
    tensors = load_file(FILE)
    return {
        name.removeprefix("net."): part.float() if part.is_floating_point() else part
        for name, part in tensors.items()
    }


def trained_with_new_head(options: Mapping[str, Any], seed: int) -> dict[str, torch.Tensor]:
    """What a run starts from: the trained body, and a head that is drawn."""
    fresh = drawn_state(lambda: small_net(**options), seed)
    return {**trained(), "head.weight": fresh["head.weight"], "head.bias": fresh["head.bias"]}


SHORT = ShortRun(
    task=Task(
        build=small_net,
        examples=images_and_labels,
        options=lambda _rng: {"num_classes": len(NEW)},
        noun="image",
    ),
    budget=Budget(
        examples=80,
        seen=20,
        hidden=200,
        epochs=6,
        batch_size=16,
        learning_rate={"head": 1e-2, "body": 3e-4},
    ),
    goals=(loss_falls(far=True), answers_well("image", hidden=200, guessing=1 / len(NEW))),
    file=FOLDER / "thresholds.json",
    source=new_images,
    start=trained_with_new_head,
    function="fine_tune",
    call=fit_call,
)
OLD_CLASSES = len(OLD)
