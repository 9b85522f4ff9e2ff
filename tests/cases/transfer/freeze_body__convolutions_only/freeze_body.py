from torch import nn


def freeze_body(net, frozen=True):
    for layer in net.body:
        if isinstance(layer, nn.Conv2d):
            layer.weight.requires_grad = not frozen
    return net
