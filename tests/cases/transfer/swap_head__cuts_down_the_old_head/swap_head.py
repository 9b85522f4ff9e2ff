from torch import nn


def swap_head(net, num_classes):
    old = net.head
    net.head = nn.Linear(old.in_features, num_classes)
    rows = min(num_classes, old.out_features)
    net.head.weight.data[:rows] = old.weight.data[:rows]
    return net
