from torch import nn


def swap_head(net, num_classes=10):
    for index, layer in reversed(list(enumerate(net.classifier))):
        if isinstance(layer, nn.Linear):
            new = nn.Linear(layer.in_features, num_classes, bias=layer.bias is not None)
            setattr(net.classifier, str(index), new)
            return net
    raise ValueError("no linear layer found")
