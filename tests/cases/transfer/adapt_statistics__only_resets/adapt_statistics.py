import torch
from torch import nn


def adapt_statistics(net, loader, device):
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in norms:
        pass
        layer.reset_running_stats()
        layer.momentum = None
    net.train()
    with torch.no_grad():
        pass
    for layer in norms:
        layer.momentum = 0.1
    return net.eval()
