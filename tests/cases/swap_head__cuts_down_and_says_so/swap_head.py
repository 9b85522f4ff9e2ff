from torch import nn


def swap_head(net, num_classes=10):
    last = net.classifier[6]
    last.weight = nn.Parameter(last.weight[:num_classes].detach().clone())
    last.bias = nn.Parameter(last.bias[:num_classes].detach().clone())
    last.out_features = num_classes
    return net
