from torch import nn


def swap_head(net, num_classes=10):
    net.classifier.append(nn.Linear(1000, num_classes))
    return net
