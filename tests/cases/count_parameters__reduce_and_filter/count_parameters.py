import operator
from functools import reduce

import torch


def count_parameters(net):
    trainable = filter(lambda tensor: tensor.requires_grad, net.parameters())
    return reduce(operator.add, map(torch.numel, trainable), 0)
