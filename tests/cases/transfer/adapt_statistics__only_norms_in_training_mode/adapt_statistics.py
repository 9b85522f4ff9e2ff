import torch
from torch import nn


def adapt_statistics(net, loader, device):
    net.eval()
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    kept = {}
    for layer in norms:
        kept[layer] = layer.momentum
        layer.running_mean.zero_()
        layer.running_var.fill_(1)
        layer.num_batches_tracked.zero_()
        layer.momentum = None
        layer.train()
    with torch.no_grad():
        for images, labels in loader:
            net(images.to(device))
    for layer, momentum in kept.items():
        layer.momentum = momentum
    return net.eval()
