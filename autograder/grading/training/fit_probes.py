"""What the box is asked about a function that trains for epochs; `fitting` judges the replies."""

from __future__ import annotations

from typing import Any

from autograder.grading.probe import probe
from autograder.grading.training.placement import gpu_or_stand_in, placed
from autograder.grading.training.steady import STEADY, held, remembered, steady


def lectures_call(
    fit: Any, net: Any, train: Any, test: Any, epochs: Any, learning_rate: Any, device: Any
) -> Any:
    """How `fit` is called where nothing else is said."""
    return fit(net, train, test, epochs, learning_rate, device)


@probe(uses=(*STEADY, remembered))
def fitted(
    fit: Any,
    build: Any,
    call: Any,
    state: Any,
    inputs: Any,
    labels: Any,
    test_inputs: Any,
    test_labels: Any,
    batch_size: int,
    options: Any,
    epochs: int,
    learning_rate: float,
    device_name: str,
    moved: bool,
) -> Any:
    """Call fit on a network in evaluation mode; its history and the state after it.

    Where there is a GPU (`moved`) everything lies on the device beforehand, and computes exactly.
    """
    import contextlib

    import torch
    from torch.utils.data import DataLoader, TensorDataset

    device = torch.device(device_name)
    net = build(**options)
    net.load_state_dict(state)
    net.eval()
    sets = [(inputs, labels), (test_inputs, test_labels)]
    with contextlib.ExitStack() as stack:
        if moved:
            stack.enter_context(steady(device_name))
            stack.enter_context(remembered(fit, device_name != "cpu"))
            sets = [(x.to(device), y.to(device)) for x, y in sets]
            held(net, device_name)
            net.to(device)
        loaders = [DataLoader(TensorDataset(*part), batch_size=batch_size) for part in sets]
        history = call(fit, net, *loaders, epochs, learning_rate, device)
    return {
        "history": {**history} if isinstance(history, dict) else history,
        "state": {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()},
    }


@probe(uses=(gpu_or_stand_in, remembered, placed))
def fit_placement(
    fit: Any,
    build: Any,
    call: Any,
    state: Any,
    inputs: Any,
    labels: Any,
    batch_size: int,
    options: Any,
    learning_rate: Any,
    real: bool,
) -> Any:
    """Where the parameters of a network that lies on the CPU are while it is trained on "cuda"."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    with gpu_or_stand_in(real), remembered(fit, True):
        net = build(**options)
        net.load_state_dict(state)
        data = TensorDataset(inputs.to("cuda"), labels.to("cuda"))
        loader = DataLoader(data, batch_size=batch_size)
        seen: Any = {"inputs": [], "parameters": []}
        device = torch.device("cuda")
        return placed(lambda: call(fit, net, loader, loader, 1, learning_rate, device), net, seen)
