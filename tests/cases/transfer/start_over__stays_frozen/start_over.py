import copy

from torch import nn


def start_over(net):
    fresh = copy.deepcopy(net)
    for layer in fresh.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return fresh
