"""What a fit does with the functions that it stands on, and which steps its optimizer makes.

Where a fit comes to something else than a right one it is run once more and watched. If it hands the right
things on, in the right order, and keeps what it gets, then it is right itself, and what is wrong is in the
functions that it calls: that is said, and nothing else. Both sides are watched by the same probe.
"""

from __future__ import annotations

from typing import Any

from autograder.grading.compare import Mismatch
from autograder.grading.probe import probe
from autograder.grading.replies import fields
from autograder.grading.training.as_drawn import AS_DRAWN, loader_as_drawn, network_as_drawn
from autograder.grading.training.task import Drawn

SAME = 1e-6  # relative, of learning rates


@probe(uses=AS_DRAWN)
def watched_fit(fit: Any, build: Any, call: Any, drawn: Any, stands_on: Any) -> Any:
    """The calls that a fit on the CPU makes, with what it hands on, and what its optimizer steps with."""
    import functools
    import inspect

    import torch
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    device, learning_rate = torch.device("cpu"), drawn["learning_rate"]
    net = network_as_drawn(build, drawn)
    net.eval()
    loaders = [loader_as_drawn(drawn, part=part) for part in ("", "test_")]
    examples = [part for one in loaders for part in one.dataset.tensors]
    known: list[Any] = [(net, "net"), (loaders[0], "train"), (loaders[1], "test")]
    calls: list[Any] = []
    came: list[Any] = []  # what the calls returned, and its parts, with their places
    last: list[Any] = []  # the condition after each call

    def condition() -> Any:
        """All that a fit may change between two calls without being seen in what it hands on."""
        tensors = [*net.state_dict().values(), *examples]
        free = [part.requires_grad for part in net.parameters()]
        made = []
        for thing, _ in known[3:]:
            groups = [vars(thing)] if hasattr(thing, "__dict__") else []
            for group in [*groups, *getattr(thing, "param_groups", [])]:
                made.append(
                    {k: v for k, v in group.items() if isinstance(v, int | float | str | tuple)}
                )
        return [tensor.detach().clone() for tensor in tensors], free, made

    def touched() -> Any:
        """What was changed since the last call: tensors; which parameters are free; settings."""
        tensors, free, made = condition()
        before, free_before, made_before = last[-1]
        same = len(tensors) == len(before) and all(map(torch.equal, tensors, before))
        return [not same, [] if free == free_before else free, made != made_before]

    def name_of(value: Any) -> str:
        for thing, name in known:
            if thing is value:
                return str(name)
        if isinstance(value, torch.device):
            return "device" if value == device else "another device"
        if isinstance(value, bool):
            return str(value)
        if isinstance(value, int | float):
            several = isinstance(learning_rate, dict)
            rates = learning_rate if several else {"learning rate": learning_rate}
            same = [str(name) for name, rate in rates.items() if rate == value]
            return " or ".join(same) or "another number"
        if isinstance(value, torch.optim.Optimizer | torch.nn.Module):
            known.append((value, f"own {len(known)}, {made_of(value)}"))
            return str(known[-1][1])
        return "another thing"

    def made_of(value: Any) -> str:
        """An optimizer or a criterion that the fit has made itself: equal words, equal things."""
        owned = {id(part): name for name, part in net.named_parameters()}
        words: list[Any] = [type(value).__name__]
        for group in [vars(value), *getattr(value, "param_groups", [])]:
            words += [owned.get(id(part), "another") for part in group.get("params", [])]
            plain = {k: v for k, v in group.items() if isinstance(v, int | float | str | tuple)}
            words += sorted(plain.items())
        return f"{words} {[*getattr(value, '_buffers', {}).values()]}"

    def spied(name: str, function: Any) -> Any:
        @functools.wraps(function)
        def spy(*args: Any, **named: Any) -> Any:
            given = inspect.signature(function).bind(*args, **named).arguments.values()
            calls.append([name, touched(), *map(name_of, given)])
            result = function(*args, **named)
            number = len(calls)
            came.append(([number], result))
            for place, part in enumerate(result if isinstance(result, tuple | list) else [result]):
                came.append(([number, place], part))
                if not isinstance(part, int | float):
                    known.append((part, f"result {place} of call {number}"))
            last.append(condition())
            return result

        return spy

    steps: Any = {
        "count": 0,
        "rates": [],
        "made_by": [],
        "settings": {},
        "left_out": [],
        "frozen": [],
    }

    def stepped(optimizer: Any, _args: Any, _named: Any) -> None:
        group = optimizer.param_groups[0]
        if not steps["count"]:
            owned = {id(part) for one in optimizer.param_groups for part in one["params"]}
            own = dict(net.named_parameters())
            steps["left_out"] = [name for name, part in own.items() if id(part) not in owned]
            start = [torch.equal(part.detach(), drawn["state"][name]) for name, part in own.items()]
            steps["from_the_start"] = all(start)
            steps["frozen"] = [name for name, part in own.items() if not part.requires_grad]
            steps["settings"] = {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in group.items()
                if isinstance(value, int | float | tuple) and name not in ("lr", "initial_lr")
            }
        steps["count"] += 1
        steps["rates"].append(float(group["lr"]))
        if optimizer not in seen:
            seen.append(optimizer)
            steps["made_by"].append(type(optimizer).__name__)

    seen: list[Any] = []
    last.append(condition())
    try:
        namespace = inspect.unwrap(fit).__globals__
    except AttributeError:
        namespace = {}
    before = {name: namespace[name] for name in stands_on if callable(namespace.get(name))}
    handle = register_optimizer_step_pre_hook(stepped)
    try:
        namespace.update({name: spied(name, function) for name, function in before.items()})
        history = call(fit, net, *loaders, drawn["epochs"], learning_rate, device)
    finally:
        handle.remove()
        namespace.update(before)
    kept: Any = {}  # by key the call of each entry, and the place in its result if that is a part
    for key, values in history.items() if isinstance(history, dict) else []:
        places, start = [], 0
        for value in values if isinstance(values, list | tuple) else [values]:
            found = [place for place, part in came if place[0] >= start and part is value]
            places.append(found[0] if found else [])
            start = found[0][0] + 1 if found else start
        kept[str(key)] = places
    return {"calls": calls, "touched": touched(), "kept": kept, "steps": steps}


def only_hands_on(seen: Any, right: Any) -> bool:
    """Whether a fit calls what it stands on as a right one does, and does nothing else."""
    names = ("calls", "touched", "kept")
    reply = fields(seen, *names)
    try:
        return bool(right["calls"]) and all(bool(reply[name] == right[name]) for name in names)
    except (RuntimeError, ValueError, TypeError):  # what was sent cannot be compared
        return False


def from_elsewhere(right: Any, key: str) -> bool:
    """Whether a right history has something by this key that none of the watched functions returned."""
    return [] in right["kept"].get(key, [])


EARLIER = (
    "The network is as it was after an earlier epoch than the last. Are the parameters with the best test "
    "accuracy kept? Test images must not choose."
)


def better_hint(hint: str, seen: Any, right: Any, drawn: Drawn) -> str:
    """The hint that names a wrong fit, or what was seen where that says more.

    Args:
        seen: a reply of `watched_fit`, and
        right: the reference's.
    """
    steps = fields(fields(seen, "steps")["steps"], "count", "frozen")
    count = steps["count"]
    if count == right["steps"]["count"] and (
        "only one epoch" in hint or "one epoch too few" in hint
    ):
        return EARLIER
    # Something was trained, but not what was passed in; or it was frozen, not kept from the optimizer.
    frozen = steps["frozen"] and not right["steps"]["frozen"]  # a right one may freeze on purpose
    if frozen or (count and "nothing were trained" in hint):
        hint = ""
    return hint or other_steps(seen, right, drawn)


def rate_changes(seen: Any, right: Any, drawn: Drawn) -> bool:
    """Whether a fit's steps have several learning rates, as with a scheduler, and a right one's have one."""

    def several(reply: Any) -> bool:
        rates = fields(fields(reply, "steps")["steps"], "rates")["rates"]
        known = (
            [rate for rate in rates if isinstance(rate, float)] if isinstance(rates, list) else []
        )
        return bool(known) and max(known) - min(known) > SAME * drawn.data["learning_rate"]

    try:
        return seen is not None and several(seen) and not several(right)
    except (
        Mismatch,
        TypeError,
    ):  # whatever was sent; or a rate for each part, as the right one has
        return False


def other_steps(seen: Any, right: Any, drawn: Drawn) -> str:
    """How a fit's optimizer steps otherwise than a right one's, as a sentence; or nothing."""
    try:
        return _other_steps(seen, right, drawn)
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError):  # whatever was sent
        return ""


def _other_steps(seen: Any, right: Any, drawn: Drawn) -> str:
    steps = fields(fields(seen, "steps")["steps"], *right["steps"])
    wanted = right["steps"]
    if not steps["count"]:
        return "No optimizer made a step."
    if steps["made_by"] and steps["made_by"][0] != wanted["made_by"][0]:
        return f"The steps were made by {str(steps['made_by'][0])[:30]}, and not by {wanted['made_by'][0]}."
    if steps["left_out"] and not wanted["left_out"]:
        return (
            "At the first step the optimizer did not hold all parameters of the network that was passed in. "
            "Was it made before a layer was replaced, for a copy, or for a part?"
        )
    if not steps["from_the_start"]:
        return (
            "When the first step came, the parameters were not those that you were given. Is the network "
            "initialised anew?"
        )
    if steps["frozen"] and not wanted["frozen"]:
        return "Some parameters were frozen (requires_grad)."
    rates = [rate for rate in steps["rates"] if isinstance(rate, float)]
    asked = drawn.data["learning_rate"]
    if rates and max(rates) - min(rates) > SAME * asked:
        return "The learning rate changed on the way. Is there a scheduler? None is asked for."
    if rates and abs(rates[0] - asked) > SAME * asked:
        size = "larger" if rates[0] > asked else "smaller"
        return f"The learning rate of the steps was {size} than the one that was passed in."
    others = [
        name for name, value in wanted["settings"].items() if steps["settings"].get(name) != value
    ]
    if others:
        made_by = wanted["made_by"][0]
        return f"{made_by} had another `{others[0]}` than its default. None is asked for."
    if steps["count"] != wanted["count"]:
        few = "Fewer" if steps["count"] < wanted["count"] else "More"
        return f"{few} steps were made than there are batches in all epochs."
    return ""
