import torch
from torch import nn


def make_criterion_and_optimizer(net, learning_rate=1e-4):
    for parameter in list(net.parameters())[:-2]:
        parameter.requires_grad_(False)
    return nn.NLLLoss(), torch.optim.Adam((part for part in net.parameters() if part.requires_grad), lr=learning_rate)
