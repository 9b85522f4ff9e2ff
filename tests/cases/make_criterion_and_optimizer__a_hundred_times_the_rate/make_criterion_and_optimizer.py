import torch
from torch import nn


def make_criterion_and_optimizer(net, learning_rate=1e-4):
    return nn.NLLLoss(), torch.optim.Adam(net.parameters(), lr=100 * learning_rate)
