from torch import nn


def swap_head(net, num_classes=10):
    net.classifier[6] = nn.Linear(4096, num_classes).requires_grad_(False)
    return net
