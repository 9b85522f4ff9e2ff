"""Hidden tests of notebook 2: parameters by hand and by machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from autograder.graders.vgg16 import reference
from autograder.grading import (
    Challenge,
    Mismatch,
    Student,
    StudentRaised,
    describe,
    expect,
    graded,
    probe,
    sequence,
    whole,
)

# conv2d_parameters, linear_parameters


def counted(value: Any, what: str) -> int:
    """A count; the formulas may also give a whole number as a float."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return int(value)
    return whole(value, what)


def expect_count(seen: int, right: int, wrong: dict[int, str], what: str, known: str = "") -> None:
    """Fail unless the counts agree.

    Args:
        wrong: the mistakes behind some other counts.
        known: what the student's formula gives for a layer that the notebook names, as `of_known` says it.
    """
    if seen == right:
        return
    yours = f"{what} is not right. {known}" if known else f"{what} is not right; yours is {seen:,}."
    expect(False, f"{yours} {wrong.get(seen, '')}".rstrip())


def of_known(formula: Callable[..., Any], layer: tuple[int, ...], right: int, what: str) -> str:
    """What a formula that is wrong gives for a layer that the notebook names; nothing where it breaks there.

    Its count for a layer that nobody knows would help nobody.
    """
    try:
        seen = counted(formula(*layer), "the count")
    except (Mismatch, StudentRaised):
        return ""
    if seen == right:
        return f"For {what} yours is right. Is a number fixed that should be an argument?"
    return f"For {what} yours is {seen:,}."


def of_first_convolution(student: Student) -> str:
    what = "VGG16's first convolution, 3 → 64 channels with 3×3 kernels,"
    return of_known(student.conv2d_parameters, (3, 64, 3), 64 * (3 * 3 * 3 + 1), what)


def of_new_head(student: Student) -> str:
    what = "the new head, 4096 → 10 features,"
    return of_known(student.linear_parameters, (4096, 10), 40970, what)


@graded("conv2d_parameters_tests", weight=2)
def test_a_convolution_has_a_square_kernel_for_each_pair_of_channels(
    student: Student, challenge: Challenge
) -> None:
    """The weights of a convolution are counted: one square kernel for each pair of channels.

    We doubled the input channels and looked by how much your count grew: the biases do not matter
    here. How many weights does one kernel have?
    """
    for _ in range(4):
        inputs, outputs, side = convolution(challenge)
        once = counted(student.conv2d_parameters(inputs, outputs, side), "the count")
        twice = counted(student.conv2d_parameters(2 * inputs, outputs, side), "the count")
        grown = twice - once
        if grown == inputs * outputs * side * side:
            continue
        what = "With twice the input channels the count should grow by the new weights; yours does not."
        hint = "Is the kernel's side squared?" if grown == inputs * outputs * side else ""
        expect(False, f"{what} {of_first_convolution(student)} {hint}".rstrip())


@graded("conv2d_parameters_tests", weight=2)
def test_a_convolution_counts_weights_and_biases(student: Student, challenge: Challenge) -> None:
    """All parameters of a convolution are counted, weights and biases.

    We asked for several random layers. How many biases does a layer have?
    """
    for _ in range(4):
        inputs, outputs, side = convolution(challenge)
        weights = inputs * outputs * side**2
        seen = counted(student.conv2d_parameters(inputs, outputs, side), "the count")
        right = reference.conv2d_parameters(inputs, outputs, side)
        expect_count(
            seen,
            right,
            {
                weights: "Are the biases missing?",
                weights + 1: "Is there one bias for the whole layer, or one for each kernel?",
                weights + inputs: "Is there a bias for each input, or for each output?",
                weights
                + inputs
                * outputs: "Is there a bias for each pair of channels, or for each output?",
                inputs * outputs * side + outputs: "Is the kernel's side squared?",
            },
            "The count of a convolution's parameters",
            "" if seen == right else of_first_convolution(student),
        )


def convolution(challenge: Challenge) -> tuple[int, int, int]:
    """Random channels and kernel size; all differ, so that nothing is confused."""
    inputs, outputs = (
        int(number) for number in challenge.rng.choice(np.arange(8, 200), 2, replace=False)
    )
    return inputs, outputs, int(challenge.rng.integers(2, 8))


@graded("linear_parameters_tests", weight=2)
def test_a_linear_layer_has_a_weight_for_each_pair(student: Student, challenge: Challenge) -> None:
    """The weights of a fully connected layer are counted: one for each input and output.

    We doubled the inputs and looked by how much your count grew: the biases do not matter here.
    """
    for _ in range(4):
        inputs, outputs = layer(challenge)
        once = counted(student.linear_parameters(inputs, outputs), "the count")
        twice = counted(student.linear_parameters(2 * inputs, outputs), "the count")
        if twice - once == inputs * outputs:
            continue
        what = "With twice the inputs the count should grow by the new weights; yours does not."
        expect(False, f"{what} {of_new_head(student)}")


@graded("linear_parameters_tests", weight=2)
def test_a_linear_layer_counts_weights_and_biases(student: Student, challenge: Challenge) -> None:
    """All parameters of a fully connected layer are counted, weights and biases.

    We asked for several random layers. How many biases does a layer have?
    """
    for _ in range(4):
        inputs, outputs = layer(challenge)
        seen = counted(student.linear_parameters(inputs, outputs), "the count")
        right = reference.linear_parameters(inputs, outputs)
        expect_count(
            seen,
            right,
            {
                inputs * outputs: "Are the biases missing?",
                inputs * outputs
                + 1: "Is there one bias for the whole layer, or one for each output?",
                inputs * outputs + inputs: "Is there a bias for each input, or for each output?",
            },
            "The count of a fully connected layer's parameters",
            "" if seen == right else of_new_head(student),
        )


def layer(challenge: Challenge) -> tuple[int, int]:
    inputs, outputs = (
        int(number) for number in challenge.rng.choice(np.arange(8, 3000), 2, replace=False)
    )
    return inputs, outputs


# Random networks for the table and the count


def random_net(
    widths: list[int], frozen: bool = False, tied: bool = False, nested: bool = True
) -> Any:
    """A network of many kinds of layers; its sizes come from `widths` (five different numbers).

    `frozen` freezes the first convolution and one bias. `tied` lets two layers share one weight.
    """
    import torch
    from torch import nn

    a, b, c, d, e = widths

    class Scaled(nn.Module):
        """Holds a parameter of its own and a layer."""

        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.ones(c, 1))
            self.layer = nn.Linear(c, d, bias=False)
            self.register_buffer("steps", torch.zeros(e))

    net: Any = nn.Sequential()
    net.add_module("stem", nn.Conv2d(3, a, 3))
    net.add_module("norm", nn.BatchNorm2d(a))
    net.add_module(
        "block", nn.Sequential(nn.Conv2d(a, b, (3, 2), bias=False), nn.ReLU(), nn.PReLU(b))
    )
    if nested:
        net.add_module("scaled", Scaled())
    net.add_module("drop", nn.Dropout())
    net.add_module("first", nn.Linear(d, e))
    net.add_module("second", nn.Linear(d, e))
    if tied:
        net.second.weight = net.first.weight
    if frozen:
        net.stem.requires_grad_(False)
        net.second.bias.requires_grad_(False)
    return net


def drawn_widths(challenge: Challenge) -> list[int]:
    return [int(number) for number in challenge.rng.choice(np.arange(4, 40), 5, replace=False)]


# parameter_table


@probe(uses=(random_net,))
def table_of(parameter_table: Any, widths: Any, frozen: bool, tied: bool) -> Any:
    """The table of a random network; subclasses of tuple, like torch.Size, become tuples."""
    table = parameter_table(random_net(widths, frozen, tied))
    if not isinstance(table, list | tuple):
        return table
    return [
        [tuple(entry) if isinstance(entry, tuple) else entry for entry in row]
        if isinstance(row, list | tuple)
        else row
        for row in table
    ]


def tables(
    student: Student, challenge: Challenge
) -> list[tuple[list[list[Any]], list[tuple[Any, ...]]]]:
    """The student's rows and ours, for a plain network and one with frozen and shared layers."""
    pairs = []
    for frozen, tied in ((False, False), (True, True)):
        widths = drawn_widths(challenge)
        reply = student.run(table_of, widths=widths, frozen=frozen, tied=tied)
        rows = [
            sequence(row, "A row of the table", 3)
            for row in sequence(reply, "What parameter_table returns")
        ]
        right: list[tuple[Any, ...]] = [
            *reference.parameter_table(random_net(widths, frozen, tied))
        ]
        expect(
            len(rows) == len(right),
            f"There should be one row for each parameter tensor; yours has {len(rows)} for "
            f"{'a network with frozen and shared layers' if tied else 'a plain network'}.",
        )
        pairs.append((rows, right))
    return pairs


@graded("parameter_table_tests", weight=2)
def test_each_parameter_tensor_has_a_row_in_order(student: Student, challenge: Challenge) -> None:
    """There is one row for each parameter tensor, named, in the order of named_parameters().

    We tried random networks, with frozen and shared layers too. Buffers (like the running mean of
    a batch normalisation) are no parameters, frozen parameters are, and a shared one has one row.
    """
    for rows, right in tables(student, challenge):
        names = [row[0] for row in rows]
        expect(
            all(isinstance(name, str) for name in names),
            "The first entry of a row should be the name, a str.",
        )
        wanted = [row[0] for row in right]
        expect(
            sorted(names) != sorted(wanted) or names == wanted, "The rows come in another order."
        )
        expect(names == wanted, "The names are not those of named_parameters().")


@graded("parameter_table_tests", weight=2)
def test_each_row_has_its_shape(student: Student, challenge: Challenge) -> None:
    """The second entry of each row is the shape, a tuple of ints.

    A torch.Size is such a tuple; a list or a string is not.
    """
    for rows, right in tables(student, challenge):
        for row in rows:
            expect(
                isinstance(row[1], tuple),
                f"A shape should be a tuple; yours is {describe(row[1])}.",
            )
            for number in row[1]:
                whole(number, "an entry of a shape")
        seen = sorted(tuple(int(number) for number in row[1]) for row in rows)
        expect(
            seen == sorted(row[1] for row in right), "Some shapes are not those of the parameters."
        )
        same = [tuple(row[1]) == wanted[1] for row, wanted in zip(rows, right, strict=True)]
        expect(all(same), "Some shapes stand in the wrong row.")


@graded("parameter_table_tests", weight=2)
def test_each_row_has_its_count(student: Student, challenge: Challenge) -> None:
    """The third entry of each row is the number of elements, an int.

    How many numbers does a tensor of a given shape hold?
    """
    for rows, right in tables(student, challenge):
        counts = [whole(row[2], "a count") for row in rows]
        wrong = sum(seen != row[2] for seen, row in zip(counts, right, strict=True))
        expect(
            wrong == 0,
            f"{wrong} of {len(counts)} counts {'is' if wrong == 1 else 'are'} not the number of the "
            "tensor's elements.",
        )


# count_parameters


@probe(uses=(random_net,))
def count_of(count_parameters: Any, widths: Any, frozen: bool, tied: bool, nested: bool) -> Any:
    return count_parameters(random_net(widths, frozen, tied, nested))


def expect_counted(
    student: Student,
    challenge: Challenge,
    frozen: bool,
    tied: bool,
    wrong: str,
    nested: bool = True,
) -> None:
    widths = drawn_widths(challenge)
    data = {"widths": widths, "frozen": frozen, "tied": tied, "nested": nested}
    seen = whole(student.run(count_of, **data), "the count")
    net: nn.Module = random_net(widths, frozen, tied, nested)
    everything = sum(tensor.numel() for tensor in net.parameters())
    buffers = sum(tensor.numel() for tensor in net.buffers())
    twice = sum(tensor.numel() for _, tensor in net.named_parameters(remove_duplicate=False))
    expect_count(
        seen,
        reference.count_parameters(net),
        {
            everything + buffers: "Are buffers counted, which no optimizer changes?",
            len(list(net.parameters())): "Do you count the tensors, or the numbers in them?",
            everything: wrong,
            twice: wrong,
        },
        f"The number of trainable parameters of a random network{_with(frozen, tied)}",
    )


def _with(frozen: bool, tied: bool) -> str:
    if frozen:
        return " with frozen ones"
    return ", in which two layers share a weight," if tied else ""


@graded("count_parameters_tests", weight=3)
def test_all_parameters_of_any_network_are_counted(student: Student, challenge: Challenge) -> None:
    """Every number that training can change is counted, whatever the layers are.

    We tried random networks with convolutions, batch normalisation, parameters outside any
    standard layer, and layers without biases, and one network without any parameter.
    """
    for _ in range(2):
        expect_counted(student, challenge, False, False, "")
    expect_counted(student, challenge, False, False, "", nested=False)
    empty = whole(student.run(count_of_nothing), "the count")
    expect(empty == 0, f"A network without parameters has none to count; yours are {empty}.")


@probe
def count_of_nothing(count_parameters: Any) -> Any:
    from torch import nn

    return count_parameters(nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Dropout()))


@probe
def count_of_known(count_parameters: Any, name: str, classes: int) -> Any:
    """Parameters of a torchvision network, each of them one zero in memory, whatever its shape.

    On the meta device it would need no memory either, but there `parameter.numpy().size` fails.
    """
    import torch
    from torchvision import models

    with torch.device("meta"):
        net = getattr(models, name)(weights=None, num_classes=classes)
    for layer in net.modules():
        for part, parameter in list(layer.named_parameters(recurse=False)):
            setattr(layer, part, torch.nn.Parameter(torch.zeros(()).expand(parameter.shape)))
    return count_parameters(net)


@graded("count_parameters_tests", weight=2)
def test_large_networks_are_counted(student: Student, challenge: Challenge) -> None:
    """The parameters of VGG16, VGG19 and AlexNet are counted.

    With ten classes VGG16 has 134,301,514. All weights are zeros: counting needs no values.
    """
    # Without the last layer, which has 4097 parameters a class: 138,357,544 and 134,301,514 both
    # give VGG16's number. The other two are torchvision's documented counts less 4097 * 1000.
    bodies = {"vgg16": 134_260_544, "vgg19": 139_570_240, "alexnet": 57_003_840}
    for name, body in bodies.items():
        classes = 10 if name == "vgg16" else int(challenge.rng.integers(2, 500))
        seen = whole(student.run(count_of_known, name=name, classes=classes), "the count")
        expect_count(seen, body + 4097 * classes, {}, f"The count of the parameters of {name}")


@graded("count_parameters_tests", weight=2)
def test_frozen_parameters_are_not_counted(student: Student, challenge: Challenge) -> None:
    """Parameters that do not require gradients are not trainable, and not counted.

    We froze a convolution and a single bias. Which attribute of a parameter tells?
    """
    for _ in range(2):
        expect_counted(student, challenge, True, False, "Are frozen parameters counted, too?")


@graded("count_parameters_tests", weight=1)
def test_shared_parameters_are_counted_once(student: Student, challenge: Challenge) -> None:
    """A parameter that two layers share is counted once.

    There is only one tensor to train, whatever the number of layers that use it.
    """
    for _ in range(2):
        expect_counted(student, challenge, False, True, "Is a shared parameter counted twice?")
