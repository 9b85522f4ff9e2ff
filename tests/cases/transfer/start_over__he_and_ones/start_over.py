import copy

from torch import nn


def start_over(net):
    fresh = copy.deepcopy(net)
    for layer in fresh.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
            layer.reset_running_stats()
        elif isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    for parameter in fresh.parameters():
        parameter.requires_grad = True
    return fresh
