import numpy as np


def count_parameters(net):
    seen, total = set(), 0
    for module in net.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad and id(parameter) not in seen:
                seen.add(id(parameter))
                total += np.prod(parameter.shape)
    return total
