"""What the box is asked about a function that trains for epochs; `fitting` judges the replies."""

from __future__ import annotations

from typing import Any

from autograder.grading.probe import probe
from autograder.grading.training.as_drawn import AS_DRAWN, loader_as_drawn, network_as_drawn
from autograder.grading.training.placement import gpu_or_stand_in, placed
from autograder.grading.training.steady import STEADY, held, remembered, steady


@probe(uses=(*STEADY, remembered, *AS_DRAWN))
def fitted(fit: Any, build: Any, call: Any, drawn: Any, moved: bool) -> Any:
    """Call fit on a network in evaluation mode; its history and the state after it.

    Where there is a GPU (`moved`) everything lies on the device beforehand, and computes exactly.
    """
    import contextlib

    import torch

    device_name = drawn["device_name"]
    device = torch.device(device_name)
    net = network_as_drawn(build, drawn)
    net.eval()
    with contextlib.ExitStack() as stack:
        if moved:
            stack.enter_context(steady(device_name))
            stack.enter_context(remembered(fit, device_name != "cpu"))
            held(net, device_name)
            net.to(device)
        loaders = [loader_as_drawn(drawn, device, part) for part in ("", "test_")]
        history = call(fit, net, *loaders, drawn["epochs"], drawn["learning_rate"], device)
    return {
        "history": {**history} if isinstance(history, dict) else history,
        "state": {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()},
    }


@probe(uses=(gpu_or_stand_in, remembered, placed, *AS_DRAWN))
def fit_placement(fit: Any, build: Any, call: Any, drawn: Any, real: bool) -> Any:
    """Where the parameters of a network that lies on the CPU are while it is trained on "cuda"."""
    import torch

    with gpu_or_stand_in(real), remembered(fit, True):
        net = network_as_drawn(build, drawn)
        loader = loader_as_drawn(drawn, "cuda")
        seen: Any = {"inputs": [], "parameters": []}
        given = net, loader, loader, 1, drawn["learning_rate"], torch.device("cuda")
        return placed(lambda: call(fit, *given), net, seen)
