import torch
from torch import nn


def swap_head(net, num_classes=10):
    old, new = net.classifier[6], nn.Linear(4096, num_classes)
    with torch.no_grad():
        new.weight.copy_(old.weight[:num_classes])
        new.bias.copy_(old.bias[:num_classes])
    net.classifier[6] = new
    return net
