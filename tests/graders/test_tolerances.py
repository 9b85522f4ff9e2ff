"""The tolerances of the training graders: right loops lie far below, wrong loops far above.

`python tests/graders/test_tolerances.py 300` prints the figures that the graders' comments state.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from autograder.graders.vgg16 import reference, tasks
from autograder.graders.vgg16.tasks import EPOCH, WRONG_LOOPS
from autograder.grading import Challenge, relative_difference, updates
from autograder.grading.training import (
    fit_challenges,
    held,
    optimizer,
    own_epochs,
    steady,
    validation,
)
from autograder.grading.training.epoch import TOLERANCE
from autograder.grading.training.means import batch_losses

KINDS: tuple[dict[str, Any], ...] = (
    {"norm": False, "learning_rate": 0.3},
    {"norm": True, "learning_rate": 3e-3, "optimizer": "Adam"},
)
# What a network without batch normalisation cannot show, and Adam cannot see in its first steps.
UNSEEN = {
    0: {"the network were in evaluation mode"},
    1: {"multiplied by", "divided by", "clipped"},
}


def restyled(
    *, zero_after: bool, set_to_none: bool, logsumexp: bool, double: bool
) -> Callable[..., float]:
    """A right loop in another style; `double` computes the log-softmax in float64."""

    def train_epoch(net: Any, loader: Any, criterion: Any, optimizer: Any, device: Any) -> float:
        net.train()
        losses, sizes = [], []
        for images, labels in loader:
            logits = net(images.to(device))
            if double:
                logits = logits.double()
            if logsumexp:
                log_probs = logits - logits.logsumexp(1, keepdim=True)
            else:
                log_probs = nn.LogSoftmax(dim=-1)(logits)
            loss = criterion(log_probs, labels)
            if not zero_after:
                net.zero_grad(set_to_none=set_to_none)
            loss.backward()
            optimizer.step()
            if zero_after:
                optimizer.zero_grad(set_to_none=set_to_none)
            losses.append(loss.item())
            sizes.append(len(labels))
        return float(np.average(losses, weights=sizes))

    return train_epoch


STYLES = [
    restyled(zero_after=after, set_to_none=none, logsumexp=logsumexp, double=double)
    for after, none, logsumexp, double in (
        (False, True, False, False),
        (True, False, False, False),
        (True, True, True, False),
        (False, False, True, True),
    )
]


def distances(number: int, kind: int) -> tuple[float, dict[str, float]]:
    """The farthest right style, and each wrong loop's distance."""
    drawn = EPOCH.draw(Challenge(b"tolerance", str(number), str(kind)), **KINDS[kind])
    right = own_epochs.moved_by(reference.train_epoch, drawn)
    farthest = max(
        relative_difference(own_epochs.moved_by(style, drawn), right) for style in STYLES
    )
    wrong = {
        name: relative_difference(own_epochs.moved_by(loop, drawn), right)
        for name, loop in WRONG_LOOPS.items()
        if not any(part in name for part in UNSEEN[kind])
    }
    return farthest, wrong


def check_kind(number: int, kind: int) -> None:
    farthest, wrong = distances(number, kind)
    assert farthest < TOLERANCE / 5
    assert min(wrong.values()) > 2 * TOLERANCE, min(wrong, key=lambda name: wrong[name])


def test_right_loops_lie_below_the_tolerance_and_wrong_ones_above() -> None:
    for number in range(3):
        for kind in range(len(KINDS)):
            check_kind(number, kind)


class Rounding(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Rounds what goes into matrix products and convolutions, forward and backward, to so many bits.

    10 is what TF32 keeps of a float32's mantissa, 7 what bfloat16 does, and 22 of 23 are more noise than
    another order of summation makes. Products are added up in float32, as on a GPU.
    """

    _OPERATIONS = frozenset(
        getattr(torch.ops.aten, name).default
        for name in ("convolution", "convolution_backward", "addmm", "mm")
    )

    def __init__(self, bits: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._drop = 23 - bits
        self.seen = 0

    def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in self._OPERATIONS:
            self.seen += 1
            args = tree_map(self._rounded, args)
        return func(*args, **(kwargs or {}))

    def _rounded(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.dtype != torch.float32:
            return value
        words = value.contiguous().view(torch.int32)
        half = (1 << (self._drop - 1)) - 1 + ((words >> self._drop) & 1)  # to nearest, ties to even
        return ((words + half) & ~((1 << self._drop) - 1)).view(torch.float32)


def rounding_distance(number: int, kind: int, bits: int) -> float:
    """How far rounding takes a right loop's updates, as a fraction; kind 2 is three epochs of fit."""
    with Rounding(bits) as rounding:
        seen, start = moved_in(number, kind)
    assert rounding.seen > 10
    right, _ = moved_in(number, kind)
    return relative_difference(updates(seen, start), updates(right, start))


def moved_in(number: int, kind: int) -> tuple[Any, Any]:
    """The reference's parameters after training, and before."""
    name = str(kind) if kind < len(KINDS) else "fit"
    challenge = Challenge(b"tolerance", str(number), name)
    if kind == len(KINDS):
        drawn = tasks.fit_challenge(challenge, 3)
        return fit_challenges.fit_by(reference.fit, drawn)["state"], drawn.parameters
    drawn = EPOCH.draw(challenge, **KINDS[kind])
    return EPOCH.right_result(drawn)["state"], drawn.parameters


def test_another_order_of_summation_stays_below_the_tolerance() -> None:
    for number in range(2):
        for kind in range(len(KINDS) + 1):
            assert rounding_distance(number, kind, 22) < TOLERANCE


def test_tf32_and_bfloat16_do_not_so_they_are_switched_off_on_a_gpu() -> None:
    for bits in (10, 7):
        assert max(rounding_distance(number, 0, bits) for number in range(8)) > TOLERANCE


def test_what_a_function_switches_on_in_training_is_off_again_before_each_pass() -> None:
    net = nn.Sequential(nn.Linear(2, 2))
    backends: Any = torch.backends
    with steady("cuda"):
        held(net, "cuda")
        torch.set_float32_matmul_precision("high")
        backends.cudnn.allow_tf32 = True
        before = torch.is_autocast_enabled("cuda")
        torch.set_autocast_enabled("cuda", True)
        try:
            net(torch.ones(1, 2))
            assert not torch.is_autocast_enabled("cuda")
        finally:
            torch.set_autocast_enabled("cuda", before)
        assert backends.cuda.matmul.fp32_precision == "ieee"
        assert backends.cudnn.conv.fp32_precision != "tf32"
    torch.set_float32_matmul_precision("highest")


def fit_distances(number: int) -> tuple[float, dict[str, float]]:
    drawn = tasks.fit_challenge(Challenge(b"tolerance", str(number), "fit"), 3)

    def restyled_fit(
        net: Any, train: Any, _test: Any, epochs: int, rate: float, device: Any
    ) -> Any:
        adam = torch.optim.Adam(net.parameters(), lr=rate, foreach=False)
        for _ in range(epochs):
            STYLES[3](net, train, nn.NLLLoss(), adam, device)
        return {}

    right = fit_challenges.moved_by_fit(reference.fit, drawn)
    right_style, *wrong = (
        relative_difference(fit_challenges.moved_by_fit(fit, drawn), right)
        for fit in (restyled_fit, *tasks.WRONG_FITS.values())
    )
    return right_style, dict(zip(tasks.WRONG_FITS, wrong, strict=True))


def test_right_fits_lie_below_the_tolerance_and_wrong_ones_above() -> None:
    for number in range(3):
        right, wrong = fit_distances(number)
        assert right < TOLERANCE / 5
        assert min(wrong.values()) > 2 * TOLERANCE, min(wrong, key=lambda name: wrong[name])


def loss_distance(number: int) -> float:
    """How far the mean of batch means lies from the mean over images, as a fraction."""
    drawn = EPOCH.draw(Challenge(b"tolerance", str(number), "loss"), learning_rate=0.0)
    means, sizes = batch_losses(drawn)
    right = np.average(means, weights=sizes)
    return float(abs(np.mean(means) - right) / right)


def test_the_mean_of_batch_means_is_never_the_mean_over_images() -> None:
    assert min(loss_distance(number) for number in range(30)) > 4e-3


def test_a_validation_challenge_tells_the_modes_apart() -> None:
    for number in range(30):
        challenge = Challenge(b"tolerance", str(number), "validate")
        drawn = validation.validation_challenge(tasks.VALIDATION.task, challenge, training=True)
        right, sizes = (np.array(part) for part in validation.right_answers(drawn, False))
        trained = np.array(validation.right_answers(drawn, True)[0])
        assert abs(trained.sum() - right.sum()) >= 2
        assert abs(np.mean(right / sizes) - right.sum() / sizes.sum()) > 1e-2
        known = [*validation.mistaken_accuracies(right, sizes, trained).values()]
        apart = np.diff(sorted([right.sum() / sizes.sum(), *known]))
        assert apart.min() > 1e-3  # ten times the tolerance for naming one


def test_adams_implementations_agree_within_its_tolerance() -> None:
    for number in range(10):
        for rate in (1e-4, 1e-2):
            challenge = Challenge(b"tolerance", str(number), "adam")
            data = optimizer.drawn_steps(challenge, rate)
            adam = partial(torch.optim.Adam, lr=rate)
            right = optimizer.moved_by(data, adam)
            for way in ({"foreach": False, "fused": False}, {"fused": True}):
                moved = optimizer.moved_by(data, partial(adam, **way))
                assert relative_difference(moved, right) < optimizer.TOLERANCE / 3


def main(count: int) -> None:
    """Print the figures over many challenges."""
    for kind, options in enumerate(KINDS):
        results = [distances(number, kind) for number in range(count)]
        least: dict[str, float] = {}
        for _, wrong in results:
            for name, distance in wrong.items():
                least[name] = min(least.get(name, np.inf), distance)
        print(options, "right styles, largest:", max(farthest for farthest, _ in results))
        for name, distance in sorted(least.items(), key=lambda pair: pair[1]):
            print(f"  {distance:8.4f}  {name}")
    fits = [fit_distances(number) for number in range(count // 3)]
    print("fit, right styles, largest:", max(right for right, _ in fits))
    for name in tasks.WRONG_FITS:
        print(f"  {min(wrong[name] for _, wrong in fits):8.4f}  {name}")
    for kind in range(len(KINDS) + 1):
        for bits in (22, 10, 7):
            moved = [rounding_distance(number, kind, bits) for number in range(count // 3)]
            print(
                f"{bits} bits, {'fit' if kind == len(KINDS) else KINDS[kind]}: median "
                f"{np.median(moved):.2g}, largest {max(moved):.2g}, above the tolerance "
                f"{np.mean(np.array(moved) > TOLERANCE):.1%}"
            )
    losses = [loss_distance(number) for number in range(count)]
    print("mean of batch means, smallest distance:", min(losses))


if __name__ == "__main__":
    main(int(sys.argv[1]))
