"""Probes of a function that validates: what it returns, does and leaves behind, and where things lie."""

from __future__ import annotations

from typing import Any

from autograder.grading.probe import probe
from autograder.grading.training.as_drawn import AS_DRAWN, loader_as_drawn, network_as_drawn
from autograder.grading.training.placement import gpu_or_stand_in, placed
from autograder.grading.training.steady import STEADY, held, remembered, steady


@probe(uses=(*STEADY, remembered, *AS_DRAWN))
def one_validation(validate: Any, build: Any, call: Any, drawn: Any) -> Any:
    """Call validate on a network with gradients; what it returns, does and leaves behind."""
    import torch

    device_name = drawn["device_name"]
    device = torch.device(device_name)
    net = network_as_drawn(build, drawn)
    net.to(device)
    held(net, device_name)
    for number, parameter in enumerate(net.parameters()):
        parameter.grad = torch.full_like(parameter, number + 0.5)
    net.train(drawn["training"])
    modes = []
    graphs = []

    def watch(module: Any, _inputs: Any, output: Any) -> None:
        modes.append(any(part.training for part in module.modules()))
        graphs.append(bool(output.requires_grad))

    handle = net.register_forward_hook(watch)
    loader = loader_as_drawn(drawn, device)
    try:
        with steady(device_name), remembered(validate, device_name != "cpu"):
            accuracy = call(validate, net, loader, device)
    finally:
        handle.remove()
    return {
        "accuracy": accuracy,
        "any_pass": bool(modes),
        "any_training": any(modes),
        "any_graph": any(graphs),
        "trains_after": [bool(part.training) for part in net.modules()],
        "requires_grad": [bool(parameter.requires_grad) for parameter in net.parameters()],
        "state": {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()},
        "gradients": [
            None if parameter.grad is None else parameter.grad.cpu()
            for parameter in net.parameters()
        ],
    }


@probe(uses=(gpu_or_stand_in, remembered, placed, *AS_DRAWN))
def validation_placement(validate: Any, build: Any, call: Any, drawn: Any, real: bool) -> Any:
    """Where parameters and inputs lie while a network is validated on "cuda"."""
    import torch

    with gpu_or_stand_in(real), remembered(validate, True):
        net = network_as_drawn(build, drawn)
        net.to("cuda")
        loader = loader_as_drawn(drawn)
        seen: Any = {"inputs": [], "parameters": []}
        return placed(lambda: call(validate, net, loader, torch.device("cuda")), net, seen)
