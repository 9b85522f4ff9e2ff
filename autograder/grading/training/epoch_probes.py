"""What the box is asked about a function that trains for one epoch; `epoch` judges the replies."""

from __future__ import annotations

from typing import Any

from autograder.grading.probe import probe
from autograder.grading.training.placement import gpu_or_stand_in, placed
from autograder.grading.training.steady import STEADY, held, remembered, steady


def lectures_call(
    train_epoch: Any, net: Any, loader: Any, criterion: Any, optimizer: Any, device: Any
) -> Any:
    """How `train_epoch` is called where nothing else is said."""
    return train_epoch(net, loader, criterion, optimizer, device)


@probe(uses=(*STEADY, remembered))
def one_epoch(
    train_epoch: Any,
    build: Any,
    call: Any,
    state: Any,
    inputs: Any,
    labels: Any,
    batch_size: int,
    options: Any,
    loss_name: str,
    factor: float,
    optimizer_name: str,
    optimizer_options: Any,
    device_name: str,
) -> Any:
    """Call train_epoch on a network in evaluation mode; its return value and the state after it."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    loss_class: Any = getattr(nn, loss_name)

    class ScaledLoss(loss_class):  # type: ignore[misc]
        """A criterion that only its own call knows."""

        def forward(self, input: Any, target: Any) -> Any:  # torch's names: some loops use them
            return factor * super().forward(input, target)

    device = torch.device(device_name)
    net = build(**options)
    net.load_state_dict(state)
    net.to(device).eval()
    held(net, device_name)
    optimizer = getattr(torch.optim, optimizer_name)(net.parameters(), **optimizer_options)
    # On the device already: who does not move them fails `epoch_placement` alone.
    data = TensorDataset(inputs.to(device), labels.to(device))
    loader = DataLoader(data, batch_size=batch_size)
    criterion = loss_class() if factor == 1 else ScaledLoss()
    with steady(device_name), remembered(train_epoch, device_name != "cpu"):
        loss = call(train_epoch, net, loader, criterion, optimizer, device)
    return {
        "loss": loss,
        "state": {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()},
    }


@probe(uses=(gpu_or_stand_in, remembered, placed))
def epoch_placement(
    train_epoch: Any,
    build: Any,
    call: Any,
    state: Any,
    inputs: Any,
    labels: Any,
    batch_size: int,
    options: Any,
    loss_name: str,
    real: bool,
) -> Any:
    """Where parameters, inputs and labels lie while an epoch is trained on "cuda"."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    seen: Any = {"inputs": [], "parameters": [], "labels": []}
    loss_class: Any = getattr(nn, loss_name)

    class Watching(loss_class):  # type: ignore[misc]
        def forward(self, input: Any, target: Any) -> Any:  # torch's names: some loops use them
            seen["labels"].append(target.device.type == "cuda")
            return super().forward(input, target)

    with gpu_or_stand_in(real), remembered(train_epoch, True):
        net = build(**options)
        net.load_state_dict(state)
        net.to("cuda")
        optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
        loader = DataLoader(TensorDataset(inputs, labels), batch_size=batch_size)
        device = torch.device("cuda")
        criterion = Watching()
        return placed(
            lambda: call(train_epoch, net, loader, criterion, optimizer, device), net, seen
        )


@probe
def watched_epoch(
    train_epoch: Any,
    build: Any,
    call: Any,
    state: Any,
    inputs: Any,
    labels: Any,
    batch_size: int,
    options: Any,
    loss_name: str,
    optimizer_name: str,
    optimizer_options: Any,
) -> Any:
    """What an epoch on the CPU does with what it is given: how often each thing was used."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    seen = {
        "examples": 0,
        "passes": 0,
        "losses": 0,
        "gradients": 0,
        "steps": 0,
        "with_gradients": 0,
    }
    starts: list[bool] = []

    class Counted(TensorDataset):
        def __getitem__(self, index: Any) -> Any:
            seen["examples"] += 1
            return super().__getitem__(index)  # type: ignore[no-untyped-call]

    net = build(**options)
    net.load_state_dict(state)
    net.eval()
    parameters = dict(net.named_parameters())
    layers = {id(layer) for layer in net.modules()}  # a copy has the hooks as well

    def passed(layer: Any, _inputs: Any) -> None:
        if id(layer) in layers:
            seen["passes"] += 1
            if not starts:
                now = {name: part.detach().float() for name, part in parameters.items()}
                starts.append(
                    all(torch.equal(part, state[name].float()) for name, part in now.items())
                )

    def derived(gradient: Any) -> None:
        seen["gradients"] += bool(gradient.any())

    def stepped(owner: Any, _args: Any, _kwargs: Any) -> None:
        seen["steps"] += 1
        owned = [part for group in owner.param_groups for part in group["params"]]
        seen["with_gradients"] += any(p.grad is not None and bool(p.grad.any()) for p in owned)

    def judged(_criterion: Any, _inputs: Any) -> None:
        seen["losses"] += 1

    for layer in net.modules():
        layer.register_forward_pre_hook(passed)
    for parameter in parameters.values():
        parameter.register_hook(derived)
    optimizer = getattr(torch.optim, optimizer_name)(net.parameters(), **optimizer_options)
    optimizer.register_step_pre_hook(stepped)
    criterion = getattr(nn, loss_name)()
    criterion.register_forward_pre_hook(judged)
    loader = DataLoader(Counted(inputs, labels), batch_size=batch_size)
    call(train_epoch, net, loader, criterion, optimizer, torch.device("cpu"))
    return {**seen, "from_the_start": all(starts)}
