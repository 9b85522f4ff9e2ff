import copy

from torch import nn


def start_over(net):
    fresh = copy.deepcopy(net)
    for layer in [fresh.head]:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    fresh.requires_grad_(True)
    return fresh
