import torch
from torch import nn


def adapt_statistics(net, loader, device):
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in norms:
        pass
    net.train()
    with torch.no_grad():
        for images, _ in loader:
            net(images.to(device))
    return net.eval()
