import copy

from torch import nn


def start_over(net):
    def reset(layer):
        if isinstance(layer, (nn.Conv2d, nn.Linear, nn.BatchNorm2d)):
            layer.reset_parameters()

    fresh = copy.deepcopy(net).apply(reset)
    for parameter in fresh.parameters():
        parameter.requires_grad = True
    return fresh
