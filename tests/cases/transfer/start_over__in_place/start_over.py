import copy

from torch import nn


def start_over(net):
    fresh = net
    for layer in fresh.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    fresh.requires_grad_(True)
    return fresh
