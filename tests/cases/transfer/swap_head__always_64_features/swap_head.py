from torch import nn


def swap_head(net, num_classes):
    net.head = nn.Linear(64, num_classes)
    return net
