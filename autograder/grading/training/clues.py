"""What a watched epoch did otherwise than a right one, in words for the student.

A loop that is wrong in no known way is followed from the batch to the step: what went into the network, into
the criterion, into the optimizer. The first thing that is not as it should be is said, and nothing beyond
what was seen. Everything here comes from the box: what cannot be compared says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from autograder.grading.compare import relative_difference
from autograder.grading.replies import Floats, fields, flag, sequence, whole
from autograder.grading.training.task import Drawn, as_they_are

SAME = (
    1e-4  # relative: float32 rounding is below 1e-5, and a clue is said of clear differences only
)
_COUNTS = ("examples", "passes", "losses", "gradients", "steps", "with_gradients")
_INSTEAD = "Is a global name used in place of the argument, or a copy of it?"


def clue(reply: Any, drawn: Drawn, own_loss: bool = False) -> str:
    """What of the given things was not used as it should be, as sentences; or nothing.

    Args:
        reply: of `watched_epoch`, or None.
        drawn: what it was asked with.
        own_loss: no criterion was given.
    """
    if reply is None:
        return ""
    seen = fields(reply, *_COUNTS, "from_the_start", "first", "kept", "rates")
    counts = dict(zip(_COUNTS, _counts(seen, *_COUNTS), strict=True))
    unused = _unused({**counts, "from_the_start": flag(seen["from_the_start"])}, own_loss)
    first = seen["first"] if isinstance(seen["first"], dict) else {}
    # What was used, but changed on the way, is the nearer cause of a step that found nothing.
    if unused and (not counts["losses"] or counts["gradients"]):
        return unused
    rates = [rate for rate in sequence(seen["rates"], "The rates") if isinstance(rate, float)]
    try:
        changed = _changed_on_the_way(first, drawn)
    except (RuntimeError, ValueError, TypeError):  # a clue changes no verdict, whatever was sent
        changed = ""
    if changed or unused:
        return changed or unused
    if sequence(seen["kept"], "The names"):
        return (
            "When backward() came for a batch, some gradients of the one before were still there. Does "
            "zero_grad() reach all parameters?"
        )
    return _steps(counts, rates, drawn)


def in_training_mode(reply: Any, drawn: Drawn) -> str | None:
    """What a watched epoch did otherwise than one pass in training mode; "" if nothing."""
    if reply is None:
        return None
    answers, in_training = _counts(reply, "answers", "in_training")
    if in_training < answers:
        return "Not each pass through the network was one in training mode."
    if answers != len(drawn.batches()):
        return "The network was not called once for each batch."
    return ""


def other_examples(reply: Any, drawn: Drawn, labels: bool) -> bool:
    """Whether the first batch was not used as it came from the loader.

    Args:
        reply: of `watched_epoch`, or None.
        labels: look at the labels as well as the inputs.
    """
    if reply is None:
        return False
    first = fields(reply, "first")["first"]
    tensors = _usable(first, drawn) if isinstance(first, dict) else {}
    if not {"inputs", "labels"} <= set(tensors):
        return False
    rows = _places(tensors["inputs"], drawn.data["inputs"])
    if rows is None:
        return True
    given = drawn.data["labels"][rows]
    return labels and not _same(_by_example(tensors["labels"], given), given)


def uses_criterion(reply: Any, drawn: Drawn) -> bool:
    """Whether the criterion was called once for each batch, and gradients came of it."""
    if reply is None:
        return False
    losses, gradients = _counts(reply, "losses", "gradients")
    return losses == len(drawn.batches()) and gradients > 0


def _counts(reply: Any, *names: str) -> list[int]:
    seen = fields(reply, *names)
    return [whole(seen[name], "an answer to this check") for name in names]


def _unused(seen: Mapping[str, int], own_loss: bool) -> str:
    if not seen["passes"]:
        return f"The network that you were given was never called. {_INSTEAD}"
    if not seen["examples"]:
        return f"No batch was taken from the loader that you were given. {_INSTEAD}"
    if not seen["from_the_start"]:
        return (
            "When the first batch came, the parameters were not those that you were given. Is the network "
            "initialised anew?"
        )
    if not seen["losses"] and not own_loss:
        return f"The criterion that you were given was never called. {_INSTEAD}"
    if not seen["gradients"]:
        return (
            "No gradient reached the network's parameters. Is backward() called, with its brackets, and on "
            "the loss itself? It is cut off by .data, detach(), item() or a new torch.tensor()."
        )
    if not seen["steps"]:
        return (
            "Gradients reached the parameters, but step() of the optimizer that you were given was never "
            f"called. Are its brackets there? {_INSTEAD}"
        )
    if not seen["with_gradients"]:
        return (
            "step() was called, and found no gradient each time. Does zero_grad() stand between backward() "
            "and step()?"
        )
    return ""


def _changed_on_the_way(first: Mapping[str, Any], drawn: Drawn) -> str:
    """What became of the first batch before the first step."""
    tensors = _usable(first, drawn)
    if not {"inputs", "labels", "outputs", "scores"} <= set(tensors):
        return ""
    many = f"{drawn.task.noun}s"
    rows = _places(tensors["inputs"], drawn.data["inputs"])
    if rows is None:
        return _other_inputs(tensors["inputs"], drawn, many)
    classes, given = tensors["outputs"].shape[-1], drawn.data["labels"][rows]
    if told := _other_labels(_by_example(tensors["labels"], given), given, classes, many):
        return told
    net = drawn.network().train()
    outputs = net(drawn.data["inputs"][rows])
    if not _same(tensors["outputs"], outputs.detach()):
        return (
            f"The network did not answer the first {many} as it does in training mode. Is its mode another, "
            "or is something changed in it?"
        )
    scores = drawn.task.activation(outputs)
    if not _same(_by_example(tensors["scores"], scores.detach()), scores.detach()):
        return (
            f"What went into the criterion is not {_asked_for(drawn)}. What stands between the network and "
            "the criterion?"
        )
    drawn.task.criterion()(scores, given).backward()
    return _other_gradients(tensors, dict(net.named_parameters()))


def _by_example(seen: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """What was flattened to one row for each place of a sequence or an image, put back as the task has it.

    Classes of places (n, places) may go into a loss as (n * places,), and their scores (n, classes, places)
    as (n * places, classes).
    """
    if wanted.is_floating_point():
        if wanted.ndim > 2 and seen.ndim == 2 and seen.numel() == wanted.numel():
            by_place = wanted.movedim(1, -1)
            return seen.reshape(by_place.shape).movedim(-1, 1)
    elif wanted.ndim > 1 and seen.shape == (wanted.numel(),):
        return seen.reshape(wanted.shape)
    return seen


def _usable(first: Mapping[str, Any], drawn: Drawn) -> dict[str, torch.Tensor]:
    """The tensors with which one can compute, whoever sent them."""
    most = 10 * max(
        drawn.data["inputs"].numel(), *(part.numel() for part in drawn.parameters.values())
    )
    return {
        name: part
        for name, part in first.items()
        if isinstance(part, torch.Tensor)
        and part.numel() <= most
        and not part.is_complex()
        and bool(part.isfinite().all())
    }


def _asked_for(drawn: Drawn) -> str:
    if drawn.task.activation is as_they_are:
        return "the network's outputs as they came"
    if drawn.task.loss == "NLLLoss":
        return "the log-softmax of the network's outputs over the classes (dim=1)"
    return "what the task asks for"


def _places(seen: torch.Tensor, given: torch.Tensor) -> torch.Tensor | None:
    """For each row its number among the given examples; None where one of them is another."""
    if (
        seen.ndim != given.ndim
        or seen.shape[1:] != given.shape[1:]
        or not 0 < len(seen) <= len(given)
    ):
        return None
    rows, known = (part.reshape(len(part), -1).double() for part in (seen, given))
    distances = torch.cdist(rows, known, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = distances.min(dim=1)
    scale = known.norm(dim=1).mean()
    return nearest.indices if bool((nearest.values <= SAME * scale).all()) else None


def _other_inputs(seen: torch.Tensor, drawn: Drawn, many: str) -> str:
    batch, _ = drawn.batches()[0]
    told = f"The {many} of the first batch did not go into the network as they came from the loader"
    if seen.shape != batch.shape or not batch.is_floating_point():
        return f"{told}."
    before, after = batch.double().flatten(), seen.double().flatten()
    slope, offset = np.polyfit(before.numpy(), after.numpy(), 1)
    if _same(after, slope * before + offset):
        return f"{told}: their values were scaled or shifted once more."
    if torch.allclose(before.sort().values, after.float().double().sort().values, rtol=SAME):
        return f"{told}: they had the same values, in other places (flipped, turned, reshaped?)."
    return f"{told}: their values were changed."


def _other_labels(seen: torch.Tensor, given: torch.Tensor, classes: int, many: str) -> str:
    if seen.shape != given.shape:
        return (
            "The labels that went into the criterion have another shape than the batch's. Are they one-hot "
            "vectors, or reshaped?"
        )
    if bool((seen == given).all()):
        return ""
    told = f"The labels that went into the criterion were not those of the batch's {many}"
    if torch.equal(*(part.double().flatten().sort().values for part in (seen, given))):
        return f"{told}, but the same ones in another order. Are {many} and labels shuffled separately?"
    if given.is_floating_point() or seen.is_floating_point():
        return f"{told}."
    apart = (seen - given).remainder(classes)
    if bool((apart == 1).all()) or bool((apart == classes - 1).all()):
        return f"{told}: they were off by one. The classes are counted from 0."
    return f"{told}."


def _other_gradients(first: Mapping[str, torch.Tensor], own: Mapping[str, nn.Parameter]) -> str:
    """How the gradients at the first step differ from those of the first batch's loss."""
    right = {name: part.grad for name, part in own.items() if part.grad is not None}
    seen = {
        name: first.get(f"gradient of {name}", torch.zeros_like(part))
        for name, part in right.items()
    }
    if any(seen[name].shape != part.shape for name, part in right.items()):
        return ""
    without = [name for name, part in seen.items() if right[name].any() and not part.any()]
    if len(without) == len(seen):
        return ""
    if without:
        return (
            f"At the first step some of the network's parameters had no gradient, {without[0]} among them. "
            "Are they frozen (requires_grad), or cut off by detach()?"
        )
    wanted = _flat(right.values())
    added = _flat(seen.values()) - wanted
    if np.linalg.norm(added) <= SAME * np.linalg.norm(wanted):
        return ""
    weights = {name: own[name].detach() for name in right}
    of_any, of_weights = _flat(weights.values()), _flat(p * (p.ndim > 1) for p in weights.values())
    if _along(added, of_any) or _along(added, of_weights):
        return (
            "The gradients had an additional part, in proportion to the parameters. Is a penalty on their "
            "squares (L2) added to the loss? None is asked for."
        )
    if _along(added, np.sign(of_any)) or _along(added, np.sign(of_weights)):
        return (
            "The gradients had an additional part, as large for small parameters as for large ones. Is a "
            "penalty on their absolute values (L1) added to the loss? None is asked for."
        )
    if _along(added, wanted):
        return (
            "At the first step the gradients had the right direction, and another length. Is the loss, or "
            "are the gradients, multiplied by something?"
        )
    return (
        "What went into the criterion was right, but at the first step the gradients were not those of its "
        "loss. Is something added to the loss, or done to the gradients before step()?"
    )


def _along(added: Floats, direction: Floats) -> bool:
    """Whether a vector is a multiple of another one."""
    size = float(added @ direction) / max(float(direction @ direction), 1e-30)
    return relative_difference(added, size * direction) <= 100 * SAME


def _steps(counts: Mapping[str, int], rates: list[float], drawn: Drawn) -> str:
    if rates and len(set(rates)) > 1:
        return "The learning rate changed between steps. Is there a scheduler, or is `lr` set in the loop?"
    asked = drawn.data["optimizer_options"]["lr"]
    if rates and abs(rates[0] - asked) > SAME * abs(asked):
        return "The optimizer's learning rate was changed before its first step."
    if counts["steps"] != len(drawn.batches()):
        fewer = counts["steps"] < len(drawn.batches())
        return f"step() was called {'less' if fewer else 'more'} often than there are batches."
    return ""


def _same(seen: Any, wanted: Any) -> bool:
    if not isinstance(seen, torch.Tensor) or seen.shape != wanted.shape:
        return False
    return relative_difference(seen.double(), wanted.double()) <= SAME


def _flat(parts: Any) -> Floats:
    return np.concatenate([part.double().numpy().ravel() for part in parts])
