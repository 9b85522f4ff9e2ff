from torch import nn


def swap_head(net, num_classes=10):
    head = nn.Linear(4096, num_classes)
    nn.init.xavier_uniform_(head.weight)
    nn.init.zeros_(head.bias)
    net.classifier = nn.Sequential(*list(net.classifier.children())[:-1], head)
    return net
