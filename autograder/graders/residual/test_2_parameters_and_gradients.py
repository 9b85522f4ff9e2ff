"""Hidden tests of notebook 2: parameters by formula, and how far gradients come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from autograder.graders.figures import axes_in, draws
from autograder.graders.residual import reference
from autograder.graders.residual.flow import (
    WRONG_NORMS,
    drawn_batch,
    drawn_flow,
    norms_of,
)
from autograder.grading import (
    Challenge,
    Student,
    StudentRaised,
    describe,
    expect,
    fields,
    flag,
    graded,
    likely_mistake,
    real,
    relative_difference,
    sequence,
    updates,
    whole,
)

# Counts


def expect_count(value: Any, right: int, wrong: Mapping[str, int], what: str) -> None:
    """Fail, with the mistake's name where it is known, unless the counts agree."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)  # a formula may give a whole number as a float
    seen = whole(value, what)
    made: dict[str, Callable[[], Any]] = {
        name: partial(list, [count]) for name, count in wrong.items()
    }
    hint = "" if seen == right else likely_mistake([seen], made, 1e-12, "It is as if")
    expect(seen == right, f"{what} is not right; yours is {seen:,}. {hint}")


def channels(challenge: Challenge) -> tuple[int, int]:
    few, many = challenge.rng.choice(np.arange(8, 200), 2, replace=False)
    return int(few), int(many)


def of_convolutions(*layers: tuple[int, int, int]) -> dict[str, int]:
    """What is counted wrongly in such layers (inputs, outputs, side), by the words that name it."""
    weights = sum(i * o * side**2 for i, o, side in layers)
    outputs = sum(o for _, o, _ in layers)
    return {
        "the batch normalisations had no parameters": weights,
        "the convolutions had biases": weights + 3 * outputs,
        "the convolutions had biases, and the batch normalisations no parameters": weights
        + outputs,
        "the running means and variances were parameters as well": weights + 4 * outputs,
        "a kernel's side were not squared": sum(i * o * side for i, o, side in layers)
        + 2 * outputs,
    }


def expect_block_counts(
    student: Student,
    challenge: Challenge,
    name: str,
    layers_of: Callable[[int, int], list[tuple[int, int, int]]],
    expansion: int,
    projects: bool,
) -> None:
    few, many = channels(challenge)
    asked = (
        [(few, many, 2), (expansion * few, few, 2), (few, many, 1)]
        if projects
        else [(expansion * few, few, 1), (expansion * many, many, 1)]
    )
    for inputs, width, stride in asked:
        arguments = (inputs, width, stride)
        layers = layers_of(inputs, width)
        projection = (inputs, expansion * width, 1)
        wrong = of_convolutions(*layers, *([projection] if projects else []))
        right = getattr(reference, name)(*arguments)
        size = inputs * expansion * width + 2 * expansion * width
        if projects:
            wrong["there were no projection on the shortcut"] = right - size
            wrong["the projection had no batch normalisation"] = right - 2 * expansion * width
        else:
            wrong["there were a projection where the shortcut is the identity"] = right + size
        seen = getattr(student, name)(*arguments)
        kept = "keeps its shape" if not projects else _CHANGES[inputs != expansion * width, stride]
        expect_count(seen, right, wrong, f"The number of parameters of a block that {kept}")


_CHANGES = {  # by whether the channels change, and the stride
    (True, 2): "changes channels and stride",
    (False, 2): "changes the stride alone",
    (True, 1): "changes the channels alone",
}


def basic_layers(inputs: int, width: int) -> list[tuple[int, int, int]]:
    return [(inputs, width, 3), (width, width, 3)]


def bottleneck_layers(inputs: int, width: int) -> list[tuple[int, int, int]]:
    return [(inputs, width, 1), (width, width, 3), (width, 4 * width, 1)]


@graded("basic_block_parameters_tests", weight=2)
def test_a_basic_block_that_keeps_its_shape_is_counted(
    student: Student, challenge: Challenge
) -> None:
    """Two convolutions without bias and two batch normalisations are counted; the identity has no parameter.

    How many numbers are learnt in a batch normalisation of so many channels?
    """
    expect_block_counts(
        student, challenge, "basic_block_parameters", basic_layers, 1, projects=False
    )


@graded("basic_block_parameters_tests", weight=2)
def test_a_basic_block_that_changes_its_shape_is_counted(
    student: Student, challenge: Challenge
) -> None:
    """Where channels or stride change, the projection and its batch normalisation count as well.

    We asked for other channels, for another stride with the same channels, and for both.
    """
    expect_block_counts(
        student, challenge, "basic_block_parameters", basic_layers, 1, projects=True
    )


@graded("bottleneck_parameters_tests", weight=2)
def test_a_bottleneck_that_keeps_its_shape_is_counted(
    student: Student, challenge: Challenge
) -> None:
    """Three convolutions without bias and their batch normalisations are counted.

    The last is four times as wide. The input has four times the width here, so that the shortcut is
    the identity.
    """
    expect_block_counts(
        student, challenge, "bottleneck_parameters", bottleneck_layers, 4, projects=False
    )


@graded("bottleneck_parameters_tests", weight=2)
def test_a_bottleneck_that_changes_its_shape_is_counted(
    student: Student, challenge: Challenge
) -> None:
    """Where channels or stride change, the projection to four times the width counts as well.

    We asked for other channels, for another stride with the same channels, and for both.
    """
    expect_block_counts(
        student, challenge, "bottleneck_parameters", bottleneck_layers, 4, projects=True
    )


@graded("resnet_parameters_tests", weight=2)
def test_resnet_18_has_far_fewer_parameters_than_vgg16(student: Student) -> None:
    """With ten classes ResNet-18 has 11,181,642 parameters, where VGG16 has 134,301,514.

    Stem, four stages of two blocks, and one layer of 512 features to the classes.
    """
    expect_resnet(student, (2, 2, 2, 2), 10)


@graded("resnet_parameters_tests", weight=3)
def test_any_number_of_blocks_and_classes_is_counted(
    student: Student, challenge: Challenge
) -> None:
    """Any number of stages, blocks and classes is counted.

    Which blocks change the channels or the stride, and which do not? How many features has the last stage?
    """
    for stages in (2, 5):
        blocks = tuple(int(number) for number in challenge.rng.integers(1, 7, stages))
        expect_resnet(student, blocks, int(challenge.rng.integers(3, 900)))


def expect_resnet(student: Student, blocks: tuple[int, ...], classes: int) -> None:
    right = reference.resnet_parameters(blocks, classes)
    width = 64 * 2 ** (len(blocks) - 1)
    steps = [(64 * 2**stage, 128 * 2**stage) for stage in range(len(blocks) - 1)]
    wrong = {
        "the stem were left out": right - 9408 - 128,
        "the stem had no batch normalisation": right - 128,
        "the last layer had no bias": right - classes,
        "there were no projections on the shortcuts": right - sum(i * o + 2 * o for i, o in steps),
        "the first stage had a projection": right + 64 * 64 + 128,
        "there were always a thousand classes": right + (1000 - classes) * (width + 1),
        "there were always ten classes": right + (10 - classes) * (width + 1),
        "there were always two blocks in a stage": reference.resnet_parameters(
            (2,) * len(blocks), classes
        ),
        "every block of a stage were like the first one": right
        + sum(
            (number - 1) * (reference.basic_block_parameters(i, o, 2) - _kept(o))
            for number, (i, o) in zip(blocks[1:], steps, strict=True)
        ),
    }
    seen = student.resnet_parameters(blocks, classes)
    net = "ResNet-18" if blocks == (2, 2, 2, 2) else "a ResNet of drawn blocks and classes"
    expect_count(seen, right, wrong, f"The number of parameters of {net}")


def _kept(width: int) -> int:
    return reference.basic_block_parameters(width, width)


# gradient_norms


def norms_in(
    student: Student, data: dict[str, Any]
) -> tuple[dict[str, Any], list[str], list[float]]:
    """The reply, and of the dict that was returned its keys and values."""
    try:
        reply = student.run(norms_of, **data)
    except StudentRaised as raised:
        if "NoneType" in str(raised):
            raise raised.asking(
                "Is a gradient read before backward(), or after zero_grad()?"
            ) from None
        raise
    seen = fields(reply, "norms", "is_dict", "state", "trains_after", "requires_grad")
    expect(
        flag(seen["is_dict"]),
        f"gradient_norms should return a dict; yours returns {describe(seen['norms'])}.",
    )
    rows = [sequence(row, "An entry", 2) for row in sequence(seen["norms"], "The norms")]
    names = [name for name, _ in rows]
    expect(all(isinstance(name, str) for name in names), "The keys should be names, each a str.")
    return seen, names, [real(value, "a norm") for _, value in rows]


@graded("gradient_norms_tests", weight=2)
def test_each_weight_has_one_norm_in_order(student: Student, challenge: Challenge) -> None:
    """There is one norm for each weight of a convolution or a linear layer, in the order of the network.

    Those are the parameters with two dimensions or more: no bias, and nothing of a batch normalisation.
    """
    data = drawn_batch(challenge, True)
    _, names, _ = norms_in(student, data)
    right, _ = norms_by(reference.gradient_norms, data)
    expect(
        set(right) <= set(names),
        "A weight of a convolution or of the last layer is missing among the keys, or has another name than "
        "named_parameters() gives it.",
    )
    expect(
        set(names) == set(right),
        "There are norms of other parameters, too. Biases and batch normalisations have one dimension.",
    )
    expect(names == right, "The norms come in another order than the layers.")


@graded("gradient_norms_tests", weight=5)
def test_each_norm_is_that_of_this_batchs_gradient(student: Student, challenge: Challenge) -> None:
    """Each number is the 2-norm of the gradient of this batch's mean cross-entropy, in training mode.

    The network had gradients from an earlier batch, which do not count. It gives raw scores.
    """
    data = drawn_batch(challenge, True)
    _, names, seen = norms_in(student, data)
    right_names, right = norms_by(reference.gradient_norms, data)
    expect(sorted(names) == sorted(right_names), "The norms are not those of all weights.")
    ordered = [seen[names.index(name)] for name in right_names]
    if relative_difference(ordered, right) <= 1e-3:
        return
    mistakes = {
        name: lambda wrong=wrong: norms_by(wrong, data)[1] for name, wrong in WRONG_NORMS.items()
    }
    hint = likely_mistake(ordered, mistakes, 1e-3, "It is as if")
    expect(False, f"The norms are not right. {hint}")


@graded("gradient_norms_tests", weight=2)
def test_measuring_changes_no_parameter(student: Student, challenge: Challenge) -> None:
    """Measuring makes no step, and the network is in the mode in which it came.

    We gave a network that was in training mode, and one that was not.
    """
    for training in (True, False):
        data = drawn_batch(challenge, training)
        seen, names, norms = norms_in(student, data)
        expect(bool(names) and any(norms), "Nothing was measured: no norm is larger than 0.")
        start = {name: data["state"][name] for name in data["earlier"]}
        expect(not np.any(updates(seen["state"], start)), "The parameters changed. Is a step made?")
        expect(
            flag(seen["requires_grad"]), "Afterwards some parameters no longer require gradients."
        )
        modes = sequence(seen["trains_after"], "The modes")
        expect(
            bool(modes) and all(isinstance(mode, bool) and mode == training for mode in modes),
            "A network that came in training mode was not left in it."
            if training
            else "A network that came in evaluation mode was not left in it.",
        )


def norms_by(
    gradient_norms: Callable[..., Any], data: dict[str, Any]
) -> tuple[list[str], list[float]]:
    """Names and norms by a function of ours."""
    rows = norms_of(gradient_norms, **data)["norms"]
    return [name for name, _ in rows], [value for _, value in rows]


# shrink_per_layer


@graded("shrink_per_layer_tests")
def test_the_factor_per_layer_is_found(student: Student, challenge: Challenge) -> None:
    """From the last layer to the first, so many steps each multiply the norm by the same factor.

    We gave norms that shrink and norms that grow. How many steps lie between the first and the last of them?
    """
    for low, high in ((-12.0, -3.0), (2.0, 9.0)):
        count = int(challenge.rng.integers(4, 30))
        logs = np.append(challenge.rng.uniform(low, high), challenge.rng.uniform(-1, 1, count))
        norms = [float(number) for number in np.exp(logs)]
        right = reference.shrink_per_layer(norms)
        ratio = norms[0] / norms[-1]
        wrong = {
            "the factor were that from the first layer to the last": 1 / right,
            "there were as many steps as layers": ratio ** (1 / (count + 1)),
            "all steps together were one": ratio,
            "the ratio were divided by the number of steps, and no root taken": ratio / count,
            "the ratios of neighbours were averaged": float(
                np.mean(np.divide(norms[:-1], norms[1:]))
            ),
        }
        made: dict[str, Callable[[], Any]] = {
            name: partial(list, [factor]) for name, factor in wrong.items()
        }
        seen = real(student.shrink_per_layer(norms), "The factor")
        matches = relative_difference([seen], [right]) <= 1e-4
        hint = "" if matches else likely_mistake([seen], made, 1e-4, "It is as if")
        expect(matches, f"The factor is not right. {hint}")


# plot_gradient_flow


def flow_axes(student: Student, challenge: Challenge) -> tuple[list[Any], dict[str, list[float]]]:
    rng = challenge.rng
    flows = {
        name: [float(number) for number in 10 ** rng.uniform(-8, 1, int(rng.integers(5, 12)))]
        for name in ("plain", "residual", "wide")
    }
    reply = student.run(drawn_flow, flows=flows)
    axes = axes_in(reply, "plot_gradient_flow", "scale", "ylabel", "legend", "points")
    expect(bool(axes), "The figure should have axes; yours has none.")
    return axes, flows


@graded("plot_gradient_flow_tests", weight=2)
def test_each_network_has_a_line_over_its_layers(student: Student, challenge: Challenge) -> None:
    """Each network has a line in one and the same axes, over the layers 1, 2, ….

    We drew three networks of different depths. Layers are counted from 1.
    """
    axes, flows = flow_axes(student, challenge)
    best = max(sum(shows(axis, norms) for norms in flows.values()) for axis in axes)
    expect(
        best == len(flows),
        "The networks' norms over the layers 1, 2, … should all stand in one axes; "
        f"yours has {best} of {len(flows)}.",
    )


@graded("plot_gradient_flow_tests", weight=1)
def test_norms_stand_on_a_logarithmic_scale_and_networks_have_names(
    student: Student, challenge: Challenge
) -> None:
    """The norms stand on a logarithmic scale, the y axis says what it shows, and each line has its name.

    On a linear scale all small norms look like 0. The keys are the networks' names.
    """
    axes, flows = flow_axes(student, challenge)
    axis = max(axes, key=lambda axis: sum(shows(axis, norms) for norms in flows.values()))
    as_logs = all(draws(axis, list(np.log10(norms))) for norms in flows.values())
    expect(
        as_logs or (isinstance(axis["scale"], str) and axis["scale"] == "log"),
        "The norms should stand on a logarithmic scale.",
    )
    label = axis["ylabel"]
    expect(isinstance(label, str) and bool(label.strip()), "The axes should have a y label.")
    said = " ".join(str(text) for text in sequence(axis["legend"], "The legend"))
    expect(
        all(name in said for name in flows), "Each line should have its network's name in a legend."
    )


def shows(axis: dict[str, Any], norms: list[float]) -> bool:
    """Whether the norms are drawn, or their logarithms."""
    return draws(axis, norms) or draws(axis, list(np.log10(norms)))
