"""Hidden tests of notebook 1: trained weights, a new head, a frozen body."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograder.graders.transfer.probes import frozen_and_back, loaded, swapped
from autograder.graders.transfer.states import OLD, drawn, expect_returned, split
from autograder.grading import (
    Challenge,
    Student,
    as_array,
    expect,
    expect_shape,
    fields,
    flag,
    graded,
    relative_difference,
    sequence,
    updates,
    vector,
)

FEATURES = 8  # of the small network that is asked


def expect_body(seen: Any, start: dict[str, torch.Tensor]) -> None:
    """Fail unless the body's parameters and statistics are as they were."""
    body = {name: part for name, part in start.items() if name.startswith("body.")}
    for part, what in zip(split(body), ("parameters", "statistics"), strict=True):
        inner = {name.removeprefix("body."): tensor for name, tensor in part.items()}
        moved = np.any(updates(seen, inner))
        expect(not moved, f"The body's {what} changed: what it has learnt should stay.")


# load_trained


def answer(student: Student, challenge: Challenge, *, without: str = "") -> Any:
    start, trained = drawn(challenge), drawn(challenge, 1)
    tensors = {f"net.{name}": part for name, part in trained.items() if name != without}
    ask = {"start": start, "tensors": tensors, "classes": OLD, "damaged": bool(without)}
    return student.run(loaded, **ask), start, trained


@graded("load_trained_tests", weight=3)
def test_the_parameters_are_those_of_the_file(student: Student, challenge: Challenge) -> None:
    """Every parameter is the file's afterwards, and the network comes back.

    We wrote a file for a small network, with names that begin with `net.`.
    """
    reply, start, trained = answer(student, challenge)
    reply = fields(reply, "same", "state")
    before, after = split(start)[0], split(trained)[0]
    seen = vector(reply["state"], after)
    expect(
        bool(np.any(seen != vector(before, before))),
        "No parameter changed: nothing of the file was loaded. Do its names fit the network's, and what "
        "does strict=False keep quiet?",
    )
    expect(
        relative_difference(seen, vector(after, after)) == 0,
        "Some parameters are not those of the file.",
    )
    expect_returned(reply, "load_trained")


@graded("load_trained_tests", weight=1)
def test_running_statistics_are_loaded_as_well(student: Student, challenge: Challenge) -> None:
    """The running statistics of batch normalisation are the file's, too.

    They are no parameters, but what the network answers depends on them.
    """
    reply, _, trained = answer(student, challenge)
    right = split(trained)[1]
    seen = vector(fields(reply, "state")["state"], right, "statistic")
    expect(
        relative_difference(seen, vector(right, right)) == 0,
        "The running statistics are not those of the file. Does it stop at net.parameters()?",
    )


@graded("load_trained_tests", weight=2)
def test_a_file_that_does_not_fit_is_refused(student: Student, challenge: Challenge) -> None:
    """A file without one of the layers raises an error.

    A network that is half loaded answers at random, and nobody is told. Which argument of
    load_state_dict should stay as it is?
    """
    reply, start, trained = answer(student, challenge)
    before, after = split(start)[0], split(trained)[0]
    seen = vector(fields(reply, "state")["state"], after)
    expect(
        bool(np.any(seen != vector(before, before))),
        "Of a file that fits, nothing was loaded: so this shows nothing yet.",
    )
    for without in ("body.0.weight", "head.bias"):
        reply, _, _ = answer(student, challenge, without=without)
        refused = flag(fields(reply, "refused")["refused"])
        expect(refused, "A file that lacks a layer was accepted without a word.")


# swap_head


def after_the_swap(
    student: Student, challenge: Challenge, frozen: bool = False
) -> tuple[dict[str, Any], dict[str, torch.Tensor], int]:
    start = drawn(challenge)
    new = int(challenge.rng.choice([3, 4, 7]))
    images = torch.from_numpy(challenge.images(6, 8))
    reply = student.run(swapped, start=start, images=images, old=OLD, new=new, frozen=frozen)
    names = ("same", "linear", "weight", "bias", "learns", "scores", "body", "body_learns")
    return fields(reply, *names), start, new


@graded("swap_head_tests", weight=2)
def test_the_head_maps_the_features_to_the_new_classes(
    student: Student, challenge: Challenge
) -> None:
    """net.head is a linear layer from the body's features to the new classes, with a bias.

    We asked a small network with other numbers of features and classes.
    """
    reply, _, new = after_the_swap(student, challenge)
    expect(
        flag(reply["linear"]),
        "net.head should be an nn.Linear, and is none. Does the new layer stand behind the old head?",
    )
    weight = as_array(reply["weight"])
    expect(
        weight.shape[1:] == (FEATURES,),
        "The new head does not take the features that the body gives. The old head knows their number.",
    )
    expect(weight.shape == (new, FEATURES), "The new head does not have a row for each new class.")
    expect(flag(reply["bias"]), "The new head has no bias.")
    expect_shape(reply["scores"], (6, new), "What the network gives for six images")
    expect_returned(reply, "swap_head")


@graded("swap_head_tests", weight=2)
def test_the_head_is_new_and_can_learn(student: Student, challenge: Challenge) -> None:
    """The head begins anew, and its parameters require gradients.

    We swapped the head of a network all of whose parameters were frozen. What the old head knew of its
    classes is of no use to the new ones.
    """
    reply, start, _ = after_the_swap(student, challenge, frozen=True)
    learns = sequence(reply["learns"], "The head's parameters")
    expect(
        bool(learns) and all(flag(part) for part in learns),
        "The new head is frozen: its parameters require no gradient.",
    )
    weight, old = as_array(reply["weight"]), start["head.weight"].numpy()
    kept = any(np.array_equal(row, other) for row in np.atleast_2d(weight) for other in old)
    expect(not kept, "Rows of the old head are in the new one.")
    expect(float(np.std(weight)) > 1e-3, "The new head's weights are all alike: are they drawn?")


@graded("swap_head_tests", weight=2)
def test_the_body_keeps_what_it_has_learnt(student: Student, challenge: Challenge) -> None:
    """The body is as it was: its parameters, its statistics, and whether they learn.

    We looked at a network that can learn and at one that was frozen.
    """
    for frozen in (False, True):
        reply, start, _ = after_the_swap(student, challenge, frozen)
        old = start["head.weight"].numpy()
        swapped_it = flag(reply["linear"]) and not np.array_equal(as_array(reply["weight"]), old)
        expect(swapped_it, "The head was not swapped, so this shows nothing yet.")
        expect_body(reply["body"], start)
        flags = [flag(part) for part in sequence(reply["body_learns"], "The body's parameters")]
        expect(
            flags == [not frozen] * len(flags),
            "swap_head should leave the body as it is; yours freezes or frees it.",
        )


# freeze_body


def gradients_after(
    student: Student, challenge: Challenge, back: bool = False
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    start = drawn(challenge)
    images = torch.from_numpy(challenge.images(6, 8))
    labels = torch.from_numpy(challenge.rng.integers(0, OLD, 6))
    ask = {"start": start, "images": images, "labels": labels, "classes": OLD, "back": back}
    reply = fields(student.run(frozen_and_back, **ask), "same", "gradients", "parameters")
    names = split(start)[0]
    seen = fields(reply["gradients"], *names)
    return {**reply, "gradients": {name: flag(seen[name]) for name in names}}, start


def has_gradients(reply: dict[str, Any], part: str) -> list[bool]:
    return [got for name, got in reply["gradients"].items() if name.startswith(part)]


@graded("freeze_body_tests", weight=2)
def test_a_frozen_body_gets_no_gradients(student: Student, challenge: Challenge) -> None:
    """After freeze_body(net) no parameter of the body gets a gradient.

    We froze the body of a small network, and called backward().
    """
    reply, _ = gradients_after(student, challenge)
    body = has_gradients(reply, "body")
    expect(
        not all(body),
        "All parameters of the body still get gradients. Is requires_grad set on each parameter? On a "
        "module it is a name like any other, and eval() freezes nothing.",
    )
    expect(
        not any(body),
        "Some parameters of the body still get gradients. Those of batch normalisation are parameters, too.",
    )
    expect_returned(reply, "freeze_body")


@graded("freeze_body_tests", weight=2)
def test_the_head_goes_on_learning(student: Student, challenge: Challenge) -> None:
    """The head still gets gradients while the body is frozen.

    A network that is frozen whole can learn nothing.
    """
    reply, start = gradients_after(student, challenge)
    expect(all(has_gradients(reply, "head")), "The head gets no gradients: it was frozen as well.")
    expect(
        not all(has_gradients(reply, "body")), "The body is not frozen, so this shows nothing yet."
    )
    moved = np.any(updates(reply["parameters"], split(start)[0]))
    expect(not moved, "freeze_body should change no parameter's numbers.")


@graded("freeze_body_tests", weight=2)
def test_freezing_can_be_undone(student: Student, challenge: Challenge) -> None:
    """After freeze_body(net, False) everything gets gradients again.

    We froze a network's body, and freed it.
    """
    reply, _ = gradients_after(student, challenge)
    expect(
        not all(has_gradients(reply, "body")), "The body was not frozen before it was to be freed."
    )
    reply, _ = gradients_after(student, challenge, back=True)
    free = has_gradients(reply, "body")
    expect(any(free), "The body stays frozen. Is the argument `frozen` used?")
    expect(all(free), "Only a part of the body is free again.")
    expect(all(has_gradients(reply, "head")), "The head gets no gradients after that.")
