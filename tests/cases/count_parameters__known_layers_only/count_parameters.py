from torch import nn


def count_parameters(net):
    total = 0
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            for parameter in (module.weight, module.bias):
                if parameter is not None and parameter.requires_grad:
                    total += parameter.numel()
    return total
