from torch import nn


def swap_head(net, num_classes):
    net.head = nn.Linear(net.head.in_features, num_classes)
    for layer in net.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return net
