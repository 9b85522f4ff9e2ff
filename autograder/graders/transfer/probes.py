"""What the box is asked about notebooks 1 and 3, and about `start_over`; the tests judge the replies."""

from __future__ import annotations

from typing import Any

from autograder.data.transfer_tools import small_net
from autograder.grading import probe


def plain(net: Any) -> Any:
    """A network's parameters and buffers as plain data."""
    return {name: part.detach().cpu().clone() for name, part in net.state_dict().items()}


@probe(uses=(small_net, plain))
def loaded(load_trained: Any, start: Any, tensors: Any, classes: int, damaged: bool) -> Any:
    """What load_trained makes of a network and a file with these tensors; of a damaged one, whether it
    is refused."""
    import pathlib
    import tempfile

    from safetensors.torch import save_file

    net = small_net(classes, (6, 8))
    net.load_state_dict(start)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "weights.safetensors"
        save_file(tensors, path)
        if not damaged:
            return {"same": load_trained(net, path) is net, "state": plain(net)}
        try:
            load_trained(net, path)
        except NotImplementedError:  # a stub refuses everything
            raise
        except Exception:  # safetensors has an error of its own
            return {"refused": True}
    return {"refused": False}


@probe(uses=(small_net, plain))
def swapped(swap_head: Any, start: Any, images: Any, old: int, new: int, frozen: bool) -> Any:
    """The network after its head was swapped: what it returns, its parts, what it answers."""
    import torch
    from torch import nn

    net = small_net(old, (6, 8))
    net.load_state_dict(start)
    for parameter in net.parameters():
        parameter.requires_grad = not frozen
    result = swap_head(net, new)
    head = net.head
    linear = isinstance(head, nn.Linear)
    try:
        with torch.no_grad():
            scores = net.eval()(images)
    except RuntimeError:  # shapes that do not fit: the weights' own shape tells why
        scores = None
    return {
        "same": result is net,
        "linear": linear,
        "weight": head.weight.detach() if linear else None,
        "bias": linear and head.bias is not None,
        "learns": [bool(parameter.requires_grad) for parameter in head.parameters()],
        "scores": scores,
        "body": plain(net.body),
        "body_learns": [bool(parameter.requires_grad) for parameter in net.body.parameters()],
    }


@probe(uses=(small_net, plain))
def frozen_and_back(
    freeze_body: Any, start: Any, images: Any, labels: Any, classes: int, back: bool
) -> Any:
    """Which parameters get a gradient after the body was frozen, or was frozen and then was not."""
    from torch import nn

    net = small_net(classes, (6, 8))
    net.load_state_dict(start)
    same = freeze_body(net) is net
    if back:
        same = freeze_body(net, False) is net and same
    loss = nn.functional.cross_entropy(net(images), labels)
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
    return {
        "same": same,
        "gradients": {name: part.grad is not None for name, part in net.named_parameters()},
        "parameters": {name: part.detach() for name, part in net.named_parameters()},
    }


@probe(uses=(small_net, plain))
def started_over(start_over: Any, start: Any, classes: int) -> Any:
    """Two copies that know nothing, and what became of the network that was given."""
    from torch import nn

    net = small_net(classes, (6, 8))
    net.load_state_dict(start)
    for parameter in net.body.parameters():
        parameter.requires_grad = False
    fresh, again = start_over(net), start_over(net)
    if not isinstance(fresh, nn.Module) or not isinstance(again, nn.Module):
        return {"module": False, "fresh": fresh}
    own = {part.data_ptr() for part in net.parameters()}
    return {
        "module": True,
        "shared": any(part.data_ptr() in own for part in fresh.parameters()),
        "fresh": plain(fresh),
        "again": plain(again),
        "learns": {name: bool(part.requires_grad) for name, part in fresh.named_parameters()},
        "given": plain(net),
    }


@probe(uses=(small_net, plain))
def adapted(
    adapt_statistics: Any, start: Any, images: Any, batch_size: int, classes: int, training: bool
) -> Any:
    """The network after its statistics were adapted to images whose labels say nothing."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    net = small_net(classes, (6, 8))
    net.load_state_dict(start)
    net.train(training)
    norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d)]
    data = TensorDataset(images, torch.zeros(len(images), dtype=torch.int64))
    same = adapt_statistics(net, DataLoader(data, batch_size), torch.device("cpu")) is net
    return {
        "same": same,
        "state": plain(net),
        "training": [bool(part.training) for part in net.modules()],
        "momenta": [part.momentum for part in norms],
        "tracks": all(bool(part.track_running_stats) for part in norms),
    }
