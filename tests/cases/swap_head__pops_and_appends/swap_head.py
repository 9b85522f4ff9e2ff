from torch import nn


def swap_head(net, num_classes=10):
    old = net.classifier.pop(-1)
    net.classifier.append(nn.Linear(old.in_features, num_classes, device=old.weight.device))
    return net
