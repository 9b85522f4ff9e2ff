from torch import nn


def swap_head(net, num_classes):
    for parameter in net.body.parameters():
        parameter.requires_grad = False
    net.head = nn.Linear(net.head.in_features, num_classes)
    return net
