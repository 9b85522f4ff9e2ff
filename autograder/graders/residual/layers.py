"""What is shipped into the box to ask a student's block: its layers, and its answers with drawn weights.

The student names the layers as they like, so they are found by what they do. A forward pass is watched:
convolutions in the order in which they are called, each taken for the next wanted one of its shape; a
batch normalisation belongs to the convolution whose output it gets. Then each gets the numbers that
were drawn for its place, and the block must answer as the reference's does with the same numbers.
"""

from __future__ import annotations

from typing import Any

from autograder.grading import probe


def called_layers(block: Any, images: Any) -> Any:
    """Convolutions and batch normalisations in the order of their calls: (layer, input, output)."""
    import torch
    from torch import nn
    from torch.nn.modules import module

    calls: Any = []

    def called(layer: Any, given: Any, output: Any) -> None:
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d) and given:
            calls.append((layer, given[0], output))  # kept, so that no memory is used again

    handle = module.register_module_forward_hook(called)  # of layers in a plain list, too
    try:
        with torch.no_grad():
            block(images)
    finally:
        handle.remove()
    return calls


def layers_by_place(calls: Any, places: Any) -> Any:
    """Layers by the name of their place; a layer for which there is none gets a name of its own.

    Args:
        places: (name, shape of the weight) of each convolution in the order of calls; its batch
            normalisation is `name.norm`.
    """
    from torch import nn

    found: Any = {}
    made_by: Any = {}  # by the address of a convolution's output: the name of its place
    for layer, given, output in calls:
        if isinstance(layer, nn.Conv2d):
            shape = list(layer.weight.shape)
            fits = (name for name, wanted in places if name not in found and wanted == shape)
            name = next(fits, f"another convolution {len(found)}")
            made_by[output.data_ptr()] = name
        else:
            name = f"{made_by.get(given.data_ptr(), '?')}.norm"
            open_places = (f"{n}.norm" for n, _ in places if f"{n}.norm" not in found)
            if name in found or name.startswith("?"):
                name = next(open_places, f"another norm {len(found)}")
        found[name] = layer
    return found


@probe(uses=(called_layers, layers_by_place))
def block_answers(
    make: Any, arguments: Any, places: Any, numbers: Any, images: Any, weighed_by: Any
) -> Any:
    """What a block is made of, and what it answers with drawn weights in both modes.

    Args:
        numbers: by place, what its layer gets: `weight`, and for a batch normalisation `bias`,
            `running_mean` and `running_var`.
        weighed_by: the outputs are weighed by it and added up, for the gradient of the images.
    """
    import torch
    from torch import nn

    block = make(*arguments)
    if not isinstance(block, nn.Module):
        return {"block": block}
    block.eval()
    calls = called_layers(block, images.clone())
    known = {id(layer) for layer in block.modules()}
    layers = [layer for layer, _, _ in calls]
    found = layers_by_place(calls, places)
    with torch.no_grad():
        for name, layer in found.items():
            for part, values in numbers.get(name, {}).items():
                own = getattr(layer, part)
                if own is not None and own.shape == values.shape:
                    own.copy_(values)
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                layer.bias.zero_()  # counted elsewhere
    given = images.clone()
    with torch.no_grad():
        answer = block(given)
    block.train()
    leaf = images.clone().requires_grad_()
    in_training = block(leaf * 1)  # no leaf, so that it may be changed in place
    (in_training * weighed_by).sum().backward()
    return {
        "block": "a block",
        "places": list(found),
        "parameters": sum(part.numel() for part in block.parameters()),
        "biases": sum(isinstance(la, nn.Conv2d) and la.bias is not None for la in found.values()),
        "unregistered": sum(id(layer) not in known for layer in layers),
        "twice": len({id(layer) for layer in layers}) < len(layers),
        "changed": not torch.equal(given, images),
        "answer": answer,
        "in_training": in_training.detach(),
        "gradient": leaf.grad,
        "statistics": {
            f"{name}.{part}": getattr(layer, part)
            for name, layer in found.items()
            for part in ("running_mean", "running_var")
            if isinstance(layer, nn.BatchNorm2d) and layer.track_running_stats
        },
    }
