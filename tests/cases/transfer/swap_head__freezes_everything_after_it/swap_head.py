from torch import nn


def swap_head(net, num_classes):
    net.head = nn.Linear(net.head.in_features, num_classes)
    for parameter in net.parameters():
        parameter.requires_grad = False
    return net
