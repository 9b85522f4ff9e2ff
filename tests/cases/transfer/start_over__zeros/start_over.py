import copy

from torch import nn


def start_over(net):
    fresh = copy.deepcopy(net)
    for layer in fresh.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.zeros_(layer.weight)
    fresh.requires_grad_(True)
    return fresh
