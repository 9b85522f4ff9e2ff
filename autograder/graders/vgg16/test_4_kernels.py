"""Hidden tests of notebook 4: the kernels, before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograder.graders.figures import axes_drawn, axes_in
from autograder.graders.vgg16 import reference
from autograder.grading import (
    Challenge,
    Floats,
    Student,
    as_array,
    describe,
    expect,
    expect_close,
    expect_finite,
    expect_shape,
    expect_type,
    fields,
    flag,
    graded,
    likely_mistake,
    probe,
    sequence,
)

# float32 in [0, 1]: anything beyond a thousandth is another picture, not rounding.
CLOSE = 1e-3

# copy_kernels


@probe
def copied_kernels(copy_kernels: Any, conv1: Any, conv2: Any, change: float) -> Any:
    """The copies of a VGG's kernels, taken before the kernels are changed in place."""
    import torch
    from torch import nn
    from torchvision import models

    with torch.device("meta"):
        net = models.VGG(nn.Sequential(), init_weights=False)
    net.features = nn.Sequential(
        *(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 8, 3, padding=1), nn.ReLU()),
    )
    net.classifier = nn.Sequential(nn.Linear(8 * 49, 10))
    weights = net.features[0].weight, net.features[2].weight
    with torch.no_grad():
        for weight, values in zip(weights, (conv1, conv2)):  # noqa: B905
            weight.copy_(values)
    copies = copy_kernels(net)
    if not isinstance(copies, dict):
        return {"made": copies}
    with torch.no_grad():
        for weight in weights:
            weight.mul_(change).add_(change)

    def entry(copy: Any) -> Any:
        if not isinstance(copy, torch.Tensor):
            return {"value": copy, "attached": False, "device": "cpu"}
        return {
            "value": copy.detach().cpu(),
            "attached": bool(copy.requires_grad),
            "device": copy.device.type,
        }

    return {
        "made": "a dict",
        "copies": {str(name): entry(copy) for name, copy in copies.items()},
        "still_trains": all(weight.requires_grad for weight in weights)
        and net.features[0].weight is weights[0]
        and net.features[2].weight is weights[1],
    }


def copied(
    student: Student, challenge: Challenge
) -> tuple[dict[str, Any], dict[str, Any], bool, float]:
    """What came back for each of the two layers, and what should have."""
    right = {
        name: torch.from_numpy(challenge.rng.normal(size=shape)).float()
        for name, shape in (("conv1", (64, 3, 3, 3)), ("conv2", (64, 64, 3, 3)))
    }
    change = float(challenge.rng.uniform(1.5, 2))
    reply = fields(student.run(copied_kernels, **right, change=change), "made")
    expect(
        isinstance(reply["made"], str) and reply["made"] == "a dict",
        f"copy_kernels should return a dict; yours returns {describe(reply['made'])}.",
    )
    reply = fields(reply, "copies", "still_trains")
    copies = expect_type(reply["copies"], dict, "what copy_kernels returns")
    for name in right:
        expect(name in copies, f"The dict should have the key {name!r}.")
    entries = {name: fields(copies[name], "value", "attached", "device") for name in right}
    return entries, right, flag(reply["still_trains"]), change


@graded("copy_kernels_tests", weight=2)
def test_the_kernels_of_the_first_two_convolutions_are_copied(
    student: Student, challenge: Challenge
) -> None:
    """The weights of the first two convolutions come as tensors, under "conv1" and "conv2".

    We changed the network afterwards, and so accept changed values here: whether yours are copies
    is another check. The second convolution is the third layer of `features`.
    """
    entries, right, _, change = copied(student, challenge)
    for name, weight in right.items():
        value = expect_type(entries[name]["value"], torch.Tensor, f"copies[{name!r}]")
        array = expect_shape(value, tuple(weight.shape), f"copies[{name!r}]")
        if np.allclose(array, (weight * change + change).numpy(), atol=1e-5):
            continue
        expect_close(
            array, weight, what=f"copies[{name!r}]", hint="Which layers' weights are copied?"
        )


@graded("copy_kernels_tests", weight=2)
def test_the_copies_stay_when_the_network_changes(student: Student, challenge: Challenge) -> None:
    """The copies are detached, lie on the CPU, and do not change when the network is trained on.

    We changed the network's kernels in place after you had copied them. The network itself must
    stay trainable. Which operations share memory with the weight, and which make new memory?
    """
    entries, right, still_trains, change = copied(student, challenge)
    for name, weight in right.items():
        entry = entries[name]
        array = expect_shape(entry["value"], tuple(weight.shape), f"copies[{name!r}]")
        shared = np.allclose(array, (weight * change + change).numpy(), atol=1e-5)
        expect(
            not shared, f"copies[{name!r}] changed with the network: it shares the weight's memory."
        )
        expect_close(array, weight, what=f"copies[{name!r}]")
        expect(
            not flag(entry["attached"]),
            f"copies[{name!r}] should be detached: it requires gradients.",
        )
        expect(entry["device"] == "cpu", f"copies[{name!r}] should lie on the CPU.")
    expect(still_trains, "After copying, the network's own kernels can no longer be trained.")


# kernel_mosaic


def scaled(weight: Floats, axes: tuple[int, ...] | None = None) -> Floats:
    """Smallest to 0 and largest to 1, over all axes or over some."""
    low, high = weight.min(axis=axes, keepdims=True), weight.max(axis=axes, keepdims=True)
    return np.asarray((weight - low) / np.where(high > low, high - low, 1))


def mosaic_mistakes(weight: torch.Tensor, columns: int) -> dict[str, Any]:
    """Mosaics (n, c, k, k) -> (rows·k, columns·k, c) of known mistakes."""
    raw = weight.numpy().astype(np.float64)
    count, channels, side, _ = raw.shape
    rows = -(-count // columns)

    def placed(values: Floats) -> Any:
        return lambda: reference.place(values.transpose(0, 2, 3, 1), columns)

    def by_columns() -> Any:
        mosaic = np.zeros((rows * side, columns * side, channels))
        for index, tile in enumerate(scaled(raw).transpose(0, 2, 3, 1)):
            top, left = index % rows * side, index // rows * side
            mosaic[top : top + side, left : left + side] = tile
        return mosaic

    def unused_scaled() -> Any:
        mosaic = reference.place(raw.transpose(0, 2, 3, 1), columns)
        return scaled(mosaic)

    def unused(value: float) -> Any:
        padded = np.full((rows * columns, channels, side, side), value)
        padded[:count] = scaled(raw)
        return lambda: reference.place(padded.transpose(0, 2, 3, 1), columns)

    high = np.abs(raw).max() or 1.0
    return {
        "each kernel had a scale of its own": placed(scaled(raw, (1, 2, 3))),
        "each colour had a scale of its own": placed(scaled(raw, (0, 2, 3))),
        "each channel of each kernel had a scale of its own": placed(scaled(raw, (2, 3))),
        "the weights were not scaled": placed(raw),
        "the weights were clipped and not scaled": placed(raw.clip(0, 1)),
        "the weights' sizes were drawn, without their signs": placed(np.abs(raw) / high),
        "only the largest weight were scaled, and the smallest not taken to 0": placed(raw / high),
        "zero were taken to one half, and not the smallest weight to 0": placed(
            raw / high / 2 + 0.5
        ),
        "large and small were exchanged": placed(1 - scaled(raw)),
        "kernels ran down the columns first": by_columns,
        "the unused places were scaled with the weights": unused_scaled,
        "the unused places were 1": unused(1.0),
        "the unused places were one half": unused(0.5),
        "rows and columns within each kernel were exchanged": placed(scaled(raw).swapaxes(2, 3)),
        "the array were reshaped where its axes should be permuted": lambda: reference.place(
            scaled(raw).reshape(count, side, side, channels), columns
        ),
        "the colours came in the opposite order": placed(scaled(raw)[:, ::-1]),
    }


def expect_mosaic(value: Any, right: Floats, mistakes: dict[str, Any]) -> None:
    """Fail unless this is the mosaic, an array of floats in [0, 1]."""
    expect(
        isinstance(value, np.ndarray),
        f"The mosaic should be a NumPy array; yours is {describe(value)}.",
    )
    expect(value.dtype.kind == "f", f"The mosaic should hold floats; yours is {describe(value)}.")
    expect(
        value.shape == right.shape,
        f"A mosaic's shape is not right: yours is {value.shape}. How many rows are needed, and how "
        "many pixels has each kernel?",
    )
    array = expect_finite(value, "the mosaic").astype(np.float64)
    if np.abs(array - right).max() <= CLOSE:
        return
    hint = likely_mistake(array, mistakes, CLOSE, "It is as if")
    wrong = int((np.abs(array - right) > CLOSE).sum())
    expect(False, f"{wrong} of {array.size} values of a mosaic are not right. {hint}")


def expect_something(mosaic: Any) -> None:
    """Fail where different weights give zeros as well: then zeros say nothing of constant ones."""
    seen = as_array(mosaic, "the mosaic")
    expect(bool(seen.any()), "Other weights give zeros as well.")


def weights(challenge: Challenge, count: int, channels: int, side: int) -> torch.Tensor:
    """Random kernels, more of them negative than positive, each with a spread of its own."""
    values = challenge.rng.normal(size=(count, channels, side, side)) - 0.2
    spread = challenge.rng.uniform(0.2, 1.5, (count, channels, 1, 1))
    return torch.from_numpy(values * spread).float()


def ragged(challenge: Challenge) -> list[tuple[int, int, int]]:
    """(kernels, side, columns) that leave places unused, in several rows and in one."""
    columns = int(challenge.rng.integers(3, 7))
    return [
        (
            columns * 3 + int(challenge.rng.integers(1, columns)),
            int(challenge.rng.integers(4, 6)),
            columns,
        ),
        (int(challenge.rng.integers(2, 5)), 2, 6),
    ]


@graded("kernel_mosaic_tests", weight=3)
def test_kernels_stand_in_rows_on_one_scale(student: Student, challenge: Challenge) -> None:
    """64 kernels stand in eight rows of eight, row by row, all on one scale from 0 to 1.

    The smallest of all weights is 0 and the largest 1, so that kernels can be compared.
    """
    weight = weights(challenge, 64, 3, 3)
    expect_mosaic(
        student.kernel_mosaic(weight), reference.kernel_mosaic(weight), mosaic_mistakes(weight, 8)
    )


@graded("kernel_mosaic_tests", weight=2)
def test_other_numbers_sizes_and_columns_work(student: Student, challenge: Challenge) -> None:
    """Other numbers of kernels, other sizes and other columns work; unused places are 0.

    We tried kernels that do not fill the last row, and fewer than one row. Is an 8 or a 3 fixed
    where the weight's shape should stand?
    """
    for count, side, columns in ragged(challenge):
        weight = weights(challenge, count, 3, side)
        expect_mosaic(
            student.kernel_mosaic(weight, columns),
            reference.kernel_mosaic(weight, columns),
            mosaic_mistakes(weight, columns),
        )


@graded("kernel_mosaic_tests", weight=1)
def test_constant_weights_give_zeros(student: Student, challenge: Challenge) -> None:
    """Constant weights give zeros, not NaN.

    Where all weights are equal the largest less the smallest is 0: what do you divide by?
    """
    expect_something(student.kernel_mosaic(weights(challenge, 10, 3, 3)))
    for constant in (
        float(challenge.rng.uniform(0.5, 2)),
        -float(challenge.rng.uniform(0.5, 2)),
        0.0,
    ):
        weight = torch.full((10, 3, 3, 3), constant)
        expect_mosaic(student.kernel_mosaic(weight), reference.kernel_mosaic(weight), {})


# channel_mosaic


def channel_mistakes(weight: torch.Tensor, kernel: int, columns: int) -> dict[str, Any]:
    """What else than one kernel's channels might have been drawn, as (rows·k, columns·k)."""

    def drawn(tiles: torch.Tensor) -> Any:
        return lambda: reference.kernel_mosaic(tiles[:, None], columns)[:, :, 0]

    channels = weight[kernel][:, None]
    every = scaled(weight.numpy())[kernel][:, :, :, None]
    mistakes = {
        name: (lambda make=make: make()[:, :, 0])
        for name, make in mosaic_mistakes(channels, columns).items()
    }
    for name in ("colour", "channel of each kernel"):  # the same here, for a channel has no colours
        del mistakes[f"each {name} had a scale of its own"]
    mistakes["each channel had a scale of its own"] = mistakes.pop(
        "each kernel had a scale of its own"
    )
    return {
        **mistakes,
        "the scale were that of all kernels, and not of the one": lambda: reference.place(
            every, columns
        )[:, :, 0],
        "always the first kernel were drawn": drawn(weight[0]),
        "one channel of every kernel were drawn, and not every channel of one kernel": drawn(
            weight[:, min(kernel, weight.shape[1] - 1)]
        ),
    }


@graded("channel_mosaic_tests", weight=2)
def test_the_channels_of_the_first_kernel_stand_in_rows(
    student: Student, challenge: Challenge
) -> None:
    """The 64 channels of the first kernel stand in eight rows of eight, from 0 to 1.

    Placed as the kernels before, but grey. The scale is that of this one kernel.
    """
    weight = weights(challenge, 64, 64, 3)
    weight[1:] *= 2
    expect_mosaic(
        student.channel_mosaic(weight),
        reference.channel_mosaic(weight),
        channel_mistakes(weight, 0, 8),
    )


@graded("channel_mosaic_tests", weight=1)
def test_another_kernel_and_other_columns_work(student: Student, challenge: Challenge) -> None:
    """Any kernel can be chosen, with any number of channels and columns; unused places are 0.

    Is the first kernel, an 8 or a 3 fixed where an argument should stand?
    """
    for channels, side, columns in ragged(challenge):
        weight = weights(challenge, 7, channels, side)
        kernel = int(challenge.rng.integers(1, 6))
        weight[0] *= 2
        expect_mosaic(
            student.channel_mosaic(weight, kernel, columns),
            reference.channel_mosaic(weight, kernel, columns),
            channel_mistakes(weight, kernel, columns),
        )


@graded("channel_mosaic_tests", weight=1)
def test_a_constant_kernel_gives_zeros(student: Student, challenge: Challenge) -> None:
    """A kernel of equal weights gives zeros, not NaN, whatever the other kernels are.

    Where all its weights are equal the largest less the smallest is 0: what do you divide by?
    """
    weight = weights(challenge, 5, 10, 3)
    expect_something(student.channel_mosaic(weight, 2))
    weight[2] = float(challenge.rng.uniform(0.5, 2))
    expect_mosaic(student.channel_mosaic(weight, 2), reference.channel_mosaic(weight, 2), {})


# plot_kernel_change


@probe(uses=(axes_drawn,))
def drawn_change(plot_kernel_change: Any, before: Any, after: Any) -> Any:
    """The axes that show a picture: title, picture, and place (top first, then left)."""
    import numpy as np

    def look(axis: Any, _figure: Any) -> Any:
        if not axis.images:
            return None
        titles = [axis.get_title(loc=loc) for loc in ("center", "left", "right")]
        box = axis.get_position()
        image: Any = np.ma.getdata(np.ma.asarray(axis.images[0].get_array()))
        return {
            "title": " ".join(titles).strip(),
            "image": np.ascontiguousarray(image),
            "place": [round(-float(box.y1), 2), float(box.x0)],
        }

    return axes_drawn(lambda: plot_kernel_change(before, after), look)


def expect_change(student: Student, before: Floats, after: Floats) -> None:
    """Fail unless three titled axes show before, after and the signed difference."""
    reply = student.run(drawn_change, before=before, after=after)
    axes = axes_in(reply, "plot_kernel_change", "title", "image", "place")
    expect(
        len(axes) == 3,
        f"Three axes should show a picture; yours has {len(axes)} (colour bars aside).",
    )
    titles = [axis["title"] for axis in axes]
    expect(
        all(isinstance(title, str) and title.strip() for title in titles),
        "Each axes should have a title.",
    )
    difference = after - before
    differences = [difference]
    if before.ndim == 3:
        # matplotlib clips RGB outside [0, 1] when it takes the picture.
        differences += [difference.clip(0, 1), (difference + 1) / 2]
    # "In this order" is what one sees: the axes as they were made, or by their places.
    by_place = sorted(
        axes, key=lambda axis: [float(x) for x in sequence(axis["place"], "A place", 2)]
    )
    for images in ([axis["image"] for axis in order] for order in (axes, by_place)):
        if same(images[0], [before]) and same(images[1], [after]) and same(images[2], differences):
            return
    first, second, third = (axis["image"] for axis in axes)
    expect(
        same(first, [before]) and same(second, [after]),
        "The first two pictures should be `before` and `after`, as they are and in this order.",
    )
    wrong: dict[str, Any] = {
        "before - after were drawn": lambda: -difference,
        "before - after were drawn, and clipped": lambda: (-difference).clip(0, 1),
        "before - after were drawn, taken to 0 … 1": lambda: (1 - difference) / 2,
        "the difference had lost its sign": lambda: np.abs(difference),
        "the difference were taken to 0 … 1, which is for RGB only": lambda: (difference + 1) / 2,
        "the difference had a scale of its own": lambda: scaled(difference),
        "`before` were drawn again": lambda: before,
        "`after` were drawn again": lambda: after,
    }
    seen = np.asarray(third, np.float64) if isinstance(third, np.ndarray) else np.zeros(0)
    hint = likely_mistake(seen, wrong, CLOSE, "It is as if")
    expect(False, f"The third picture is not the signed difference `after - before`. {hint}")


def same(image: Any, wanted: list[Floats]) -> bool:
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "fiu":
        return False
    return any(
        image.shape == floats.shape and np.allclose(image, floats, atol=CLOSE) for floats in wanted
    )


@graded("plot_kernel_change_tests", weight=1)
def test_grey_mosaics_are_drawn_with_their_signed_difference(
    student: Student, challenge: Challenge
) -> None:
    """Three titled axes show before, after, and after - before, for grey mosaics.

    The difference has a sign: what grew and what shrank must look different.
    """
    expect_change(student, *challenge.rng.random((2, 24, 24)))


@graded("plot_kernel_change_tests", weight=1)
def test_colour_mosaics_are_drawn_with_their_signed_difference(
    student: Student, challenge: Challenge
) -> None:
    """Three titled axes show before, after, and after - before, for RGB mosaics.

    As colours have no sign, (difference + 1) / 2 is fine here as well.
    """
    expect_change(student, *challenge.rng.random((2, 15, 20, 3)))
