import copy

from torch import nn


def start_over(net):
    fresh = copy.deepcopy(net)
    fresh.requires_grad_(True)
    return fresh
