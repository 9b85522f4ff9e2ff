import torch
from torch import nn


def make_criterion_and_optimizer(net, learning_rate=1e-4):
    return nn.NLLLoss(), torch.optim.Adam((part for part in net.parameters() if part.requires_grad), lr=learning_rate)
