import numpy as np


def parameter_table(net):
    table = []
    for name, parameter in net.named_parameters():
        table.append([name, parameter.size(), np.prod(parameter.shape)])
    return table
