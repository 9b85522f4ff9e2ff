"""Hidden tests of notebook 1: the shortcut, two kinds of blocks, a stage of them.

A block is given weights that were drawn, whatever its layers are called, and has to answer as the
reference does with the same weights; see `layers` and `blocks`.
"""

from __future__ import annotations

from autograder.graders.residual import blocks
from autograder.graders.residual.blocks import Asked
from autograder.grading import Challenge, Student, graded


def widths(challenge: Challenge) -> tuple[int, int]:
    """Two numbers of channels; all numbers differ, so that nothing is confused."""
    few, many = challenge.rng.choice(range(3, 7), 2, replace=False)
    return int(few), int(many) + 4


def expect_right(student: Student, asked: Asked) -> None:
    asked.expect_answer(asked.answers_of(student), "answer", "The answer")


# make_shortcut


@graded("make_shortcut_tests", weight=2)
def test_where_nothing_changes_the_shortcut_hands_on_what_it_gets(
    student: Student, challenge: Challenge
) -> None:
    """With the same channels and stride 1 the shortcut is the identity, without any parameter.

    It is a module that hands its input on as it is. Is there a convolution, or a ReLU, in the way?
    """
    channels, _ = widths(challenge)
    asked = blocks.shortcut(challenge, channels, channels, 1)
    seen = asked.answers_of(student)
    asked.expect_layers(seen)
    asked.expect_answer(seen, "answer", "What comes out")


@graded("make_shortcut_tests", weight=4)
def test_where_the_shape_changes_the_shortcut_projects(
    student: Student, challenge: Challenge
) -> None:
    """Where channels or stride change, a 1×1 convolution projects, and a batch normalisation follows.

    The convolution has that stride and no bias. We asked for other channels, another stride, and both.
    """
    few, many = widths(challenge)
    for inputs, outputs, stride in ((few, many, 2), (few, few, 2), (few, many, 1)):
        asked = blocks.shortcut(challenge, inputs, outputs, stride)
        seen = asked.answers_of(student)
        asked.expect_answer(seen, "answer", "What comes out")
        asked.expect_layers(seen)


# BasicBlock


def expect_layers_of(student: Student, *all_asked: Asked) -> None:
    for asked in all_asked:
        asked.expect_layers(asked.answers_of(student))


@graded("BasicBlock_tests", weight=3)
def test_the_basic_block_has_its_layers(student: Student, challenge: Challenge) -> None:
    """It has two 3×3 convolutions without bias, each with its batch normalisation, and a shortcut.

    We watched which layers are called, and looked
    whether the block knows of all of them.
    """
    few, many = widths(challenge)
    expect_layers_of(
        student,
        blocks.basic_block(challenge, few, few, 1),
        blocks.basic_block(challenge, few, many, 2),
    )


@graded("BasicBlock_tests", weight=5)
def test_the_basic_block_adds_its_input(student: Student, challenge: Challenge) -> None:
    """Where nothing changes its shape, the input itself is added; the last ReLU is behind the sum.

    We gave the layers drawn weights and compared the answers in evaluation mode.
    """
    channels, _ = widths(challenge)
    expect_right(student, blocks.basic_block(challenge, channels, channels, 1))


@graded("BasicBlock_tests", weight=3)
def test_the_basic_block_projects_where_the_shape_changes(
    student: Student, challenge: Challenge
) -> None:
    """Where channels or stride change, both paths change alike, the shortcut by its projection.

    We asked for other channels, for another stride, and for both.
    """
    few, many = widths(challenge)
    for inputs, outputs, stride in ((few, many, 2), (many, many, 2), (few, many, 1)):
        expect_right(student, blocks.basic_block(challenge, inputs, outputs, stride))


@graded("BasicBlock_tests", weight=3)
def test_the_basic_block_can_be_trained(student: Student, challenge: Challenge) -> None:
    """In training mode a batch counts once, gradients take both paths, and the input stays as it was.

    We looked at the running statistics after one pass, at the gradient of the input, and at the input.
    """
    channels, many = widths(challenge)
    for outputs, stride in ((channels, 1), (many, 2)):
        asked = blocks.basic_block(challenge, channels, outputs, stride)
        asked.expect_training(asked.answers_of(student))


# Bottleneck


@graded("Bottleneck_tests", weight=2)
def test_the_bottleneck_has_its_layers(student: Student, challenge: Challenge) -> None:
    """It has convolutions of 1×1, 3×3 and 1×1 without bias, each with its batch normalisation.

    The last one has four times the width. We watched which layers are called, and looked
    whether the block knows of all of them.
    """
    few, many = widths(challenge)
    expect_layers_of(
        student,
        blocks.bottleneck(challenge, 4 * few, few, 1),
        blocks.bottleneck(challenge, many, few, 2),
    )


@graded("Bottleneck_tests", weight=4)
def test_the_bottleneck_answers_rightly(student: Student, challenge: Challenge) -> None:
    """With drawn weights it answers as it should, with the identity and with a projection.

    The stride stands in the 3×3 convolution. We compared answers in evaluation mode. Four times
    the width may happen to be the input's channels.
    """
    few, many = widths(challenge)
    for inputs, width, stride in ((4 * few, few, 1), (many, few, 1), (4 * few, few, 2)):
        expect_right(student, blocks.bottleneck(challenge, inputs, width, stride))


@graded("Bottleneck_tests", weight=2)
def test_the_bottleneck_can_be_trained(student: Student, challenge: Challenge) -> None:
    """In training mode a batch counts once, gradients take both paths, and the input stays as it was.

    We looked at the running statistics after one pass, at the gradient of the input, and at the input.
    """
    few, many = widths(challenge)
    for inputs, stride in ((4 * few, 1), (many, 2)):
        asked = blocks.bottleneck(challenge, inputs, few, stride)
        asked.expect_training(asked.answers_of(student))


# make_stage


@graded("make_stage_tests", weight=3)
def test_a_stage_is_made_of_blocks_of_their_own(student: Student, challenge: Challenge) -> None:
    """There are as many blocks as are asked for, each with weights of its own.

    We counted layers and parameters, and looked whether the stage knows all of them. It stands on
    your BasicBlock: if that was not right, look there first.
    """
    few, many = widths(challenge)
    for number in (3, int(challenge.rng.integers(4, 6))):
        asked = blocks.stage(challenge, few, many, number, 2)
        asked.expect_layers(asked.answers_of(student))


@graded("make_stage_tests", weight=3)
def test_only_the_first_block_of_a_stage_changes_the_shape(
    student: Student, challenge: Challenge
) -> None:
    """The first block takes the new channels and the stride; all others keep the shape.

    We compared answers with drawn weights, also of a single block, and of a stage that changes nothing. It
    stands on your BasicBlock: if that was not right, look there first.
    """
    few, many = widths(challenge)
    for inputs, outputs, number, stride in ((few, many, 3, 2), (few, many, 1, 2), (few, few, 2, 1)):
        expect_right(student, blocks.stage(challenge, inputs, outputs, number, stride))
