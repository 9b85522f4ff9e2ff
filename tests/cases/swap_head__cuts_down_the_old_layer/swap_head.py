from torch import nn


def swap_head(net, num_classes=10):
    last = net.classifier[6]
    last.weight = nn.Parameter(last.weight.data[:num_classes])
    last.bias = nn.Parameter(last.bias.data[:num_classes])
    return net
