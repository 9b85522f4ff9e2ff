from torch import nn


def swap_head(net, num_classes):
    net.head = nn.Sequential(net.head, nn.Linear(net.head.out_features, num_classes))
    return net
