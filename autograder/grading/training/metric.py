"""Which images a validation counts as right, seen by asking it for one image at a time.

The accuracy of many images is one number, which two mistakes may share. One image at a time gives as many
answers as there are images, and no two ways to count agree on all of them.
"""

from __future__ import annotations

from typing import Any

import torch

from autograder.grading.probe import probe
from autograder.grading.replies import sequence
from autograder.grading.training.task import Drawn


@probe
def validated_one_by_one(validate: Any, build: Any, call: Any, drawn: Any) -> Any:
    """Whether validate counts each example as right, alone in its loader; None where it cannot be said."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    net = build(**drawn["options"])
    counted: list[Any] = []
    for number in range(len(drawn["labels"])):
        net.load_state_dict(drawn["state"])
        net.eval()
        part = slice(number, number + 1)
        one = TensorDataset(drawn["inputs"][part], drawn["labels"][part])
        try:
            accuracy = call(validate, net, DataLoader(one, batch_size=1), torch.device("cpu"))
            counted.append(bool(accuracy > 0))
        except Exception:
            counted.append(None)
    return counted


def way_of_counting(reply: Any, drawn: Drawn, accuracy: float) -> str:
    """What a validation counts as right, as a sentence; or nothing where no known way fits all examples.

    Args:
        accuracy: what it returned for all of them.
    """
    labels, noun = drawn.data["labels"], drawn.task.noun
    counted = sequence(reply, "The answers")
    if len(counted) != len(labels) or not all(isinstance(answer, bool) for answer in counted):
        return ""
    seen = torch.tensor(counted)
    if not accuracy and bool(seen.any()):
        return (
            f"It counts single {noun}s, and returns 0 for all of them. Is the count divided by //?"
        )
    fitting = [words for words, right in _ways(drawn).items() if bool((seen == right).all())]
    if not fitting and _only_the_sure(seen, drawn):
        fitting = ["it counts a right answer only where its probability is above a threshold"]
    return f"Asked for one {noun} at a time, {fitting[0]}." if len(fitting) == 1 else ""


def _only_the_sure(seen: torch.Tensor, drawn: Drawn) -> bool:
    """Whether some right answers are counted, and those are the ones of which the network is surest."""
    with torch.no_grad():
        scores = drawn.network().eval()(drawn.data["inputs"])  # (n, classes)
    right = scores.argmax(dim=1) == drawn.data["labels"]
    chances = torch.softmax(scores, dim=1).amax(dim=1)
    left_out = right & ~seen
    return (
        bool(seen.any())
        and not bool((seen & ~right).any())
        and bool(chances[seen].min() > chances[left_out].max())
    )


def _ways(drawn: Drawn) -> dict[str, torch.Tensor]:
    """Which examples count as right, by the words that say so."""
    inputs, labels, noun = drawn.data["inputs"], drawn.data["labels"], drawn.task.noun
    with torch.no_grad():
        scores = drawn.network().eval()(inputs)  # (n, classes)
        training = torch.stack([drawn.network().train()(one[None])[0] for one in inputs])
    order = scores.argsort(dim=1, descending=True)
    right = order[:, 0] == labels
    values = scores.amax(dim=1)
    ways = {
        f"it counts each {noun} rightly, so what is wrong is how batches are put together": right,
        "it answers as in training mode": training.argmax(dim=1) == labels,
        "it counts the wrong answers": ~right,
        "it takes the class with the second highest score": order[:, 1] == labels,
        "it takes the class with the lowest score (argmin)": order[:, -1] == labels,
        "its classes are counted from 1": order[:, 0] + 1 == labels,
        f"it counts a label of 0 as right, whatever the network says, as argmax over the {noun}s of the "
        "batch (dim=0) does": (labels == 0),
        "it takes the highest score itself for the answer, and not its place. max() gives both, argmax() the "
        "place": values.round() == labels,
    }
    for most in range(2, scores.shape[1]):
        among = (order[:, :most] == labels[:, None]).any(dim=1)
        ways[f"it counts a label among the {most} highest scores as right (top-{most})"] = among
    return ways
