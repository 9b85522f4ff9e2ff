"""What the box is asked about a function that trains for one epoch; `epoch` judges the replies."""

from __future__ import annotations

from typing import Any

from autograder.grading.probe import probe
from autograder.grading.training.as_drawn import AS_DRAWN, loader_as_drawn, network_as_drawn
from autograder.grading.training.placement import gpu_or_stand_in, placed
from autograder.grading.training.steady import STEADY, held, remembered, steady


@probe(uses=(*STEADY, remembered, *AS_DRAWN))
def one_epoch(train_epoch: Any, build: Any, call: Any, drawn: Any) -> Any:
    """Call train_epoch on a network in evaluation mode; its return value and the state after it."""
    import torch
    from torch import nn

    loss_class: Any = getattr(nn, drawn["loss_name"])
    factor, device_name = drawn["factor"], drawn["device_name"]

    class ScaledLoss(loss_class):  # type: ignore[misc]
        """A criterion that only its own call knows."""

        def forward(self, input: Any, target: Any) -> Any:  # torch's names: some loops use them
            return factor * super().forward(input, target)

    device = torch.device(device_name)
    net = network_as_drawn(build, drawn)
    net.to(device).eval()
    held(net, device_name)
    make = getattr(torch.optim, drawn["optimizer_name"])
    optimizer = make(net.parameters(), **drawn["optimizer_options"])
    # On the device already: who does not move them fails `epoch_placement` alone.
    loader = loader_as_drawn(drawn, device)
    criterion = loss_class() if factor == 1 else ScaledLoss()
    with steady(device_name), remembered(train_epoch, device_name != "cpu"):
        loss = call(train_epoch, net, loader, criterion, optimizer, device)
    return {
        "loss": loss,
        "state": {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()},
    }


@probe(uses=(gpu_or_stand_in, remembered, placed, *AS_DRAWN))
def epoch_placement(train_epoch: Any, build: Any, call: Any, drawn: Any, real: bool) -> Any:
    """Where parameters, inputs and labels lie while an epoch is trained on "cuda"."""
    import torch
    from torch import nn

    seen: Any = {"inputs": [], "parameters": [], "labels": []}
    loss_class: Any = getattr(nn, drawn["loss_name"])

    class Watching(loss_class):  # type: ignore[misc]
        def forward(self, input: Any, target: Any) -> Any:  # torch's names: some loops use them
            seen["labels"].append(target.device.type == "cuda")
            return super().forward(input, target)

    with gpu_or_stand_in(real), remembered(train_epoch, True):
        net = network_as_drawn(build, drawn)
        net.to("cuda")
        optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
        loader = loader_as_drawn(drawn)
        device = torch.device("cuda")
        criterion = Watching()
        return placed(
            lambda: call(train_epoch, net, loader, criterion, optimizer, device), net, seen
        )


@probe(uses=(network_as_drawn,))
def watched_epoch(train_epoch: Any, build: Any, call: Any, drawn: Any) -> Any:
    """What an epoch on the CPU does with what it is given: how often each thing was used, and what the first
    batch became on its way to the first step.
    """
    import functools
    import math

    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    counts = ("examples", "passes", "losses", "gradients", "steps", "with_gradients")
    seen = dict.fromkeys((*counts, "answers", "in_training"), 0)
    kept: list[str] = []  # parameters that still had a gradient when the next one came
    first: dict[str, Any] = {}  # by what it is, as it was the first time
    rates: list[float] = []
    means: list[float] = []  # what the criterion gave, and
    sizes: list[int] = []  # to how many labels
    starts: list[bool] = []

    def remember(what: str, value: Any) -> None:
        if what not in first:
            value = value.detach().cpu().clone() if isinstance(value, torch.Tensor) else None
            first[what] = value

    class Counted(TensorDataset):
        def __getitem__(self, index: Any) -> Any:
            seen["examples"] += 1
            return super().__getitem__(index)  # type: ignore[no-untyped-call]

    net = network_as_drawn(build, drawn)
    net.eval()
    state = drawn["state"]
    parameters = dict(net.named_parameters())
    layers = {id(layer) for layer in net.modules()}  # a copy has the hooks as well

    def answered(layer: Any, args: Any, output: Any) -> None:
        if layer is net:
            seen["answers"] += 1
            seen["in_training"] += all(part.training for part in net.modules())
            remember("inputs", args[0] if args else None)
            remember("outputs", output)

    def passed(layer: Any, _inputs: Any) -> None:
        if id(layer) in layers:
            seen["passes"] += 1
            if not starts:
                now = {name: part.detach().float() for name, part in parameters.items()}
                starts.append(
                    all(torch.equal(part, state[name].float()) for name, part in now.items())
                )

    def derived(gradient: Any, name: str) -> None:
        seen["gradients"] += bool(gradient.any())
        before = parameters[name].grad
        if before is not None and before.any() and name not in kept:
            kept.append(name)

    def stepped(owner: Any, _args: Any, _kwargs: Any) -> None:
        seen["steps"] += 1
        owned = [part for group in owner.param_groups for part in group["params"]]
        seen["with_gradients"] += any(p.grad is not None and bool(p.grad.any()) for p in owned)
        rates.append(float(owner.param_groups[0]["lr"]))
        for name, part in parameters.items():
            remember(f"gradient of {name}", part.grad)

    def judged(_criterion: Any, args: Any, named: Any) -> None:
        seen["losses"] += 1
        scores, labels = [*args, *named.values(), None, None][:2]
        remember("scores", scores)
        remember("labels", labels)
        sizes.append(len(labels) if isinstance(labels, torch.Tensor) and labels.ndim else 0)

    def lost(_criterion: Any, _args: Any, loss: Any) -> None:
        means.append(float(loss.detach()) if getattr(loss, "numel", int)() == 1 else math.nan)

    for layer in net.modules():
        layer.register_forward_pre_hook(passed)
    net.register_forward_hook(answered)
    for name, parameter in parameters.items():
        parameter.register_hook(functools.partial(derived, name=name))
    make = getattr(torch.optim, drawn["optimizer_name"])
    optimizer = make(net.parameters(), **drawn["optimizer_options"])
    optimizer.register_step_pre_hook(stepped)
    criterion = getattr(nn, drawn["loss_name"])()
    criterion.register_forward_pre_hook(judged, with_kwargs=True)
    criterion.register_forward_hook(lost)
    examples = Counted(drawn["inputs"], drawn["labels"])
    loader = DataLoader(examples, batch_size=drawn["batch_size"])
    returned = call(train_epoch, net, loader, criterion, optimizer, torch.device("cpu"))
    return {
        **seen,
        "from_the_start": all(starts),
        "first": first,
        "kept": kept,
        "rates": rates,
        "means": means,
        "sizes": sizes,
        "returned": returned,
    }
