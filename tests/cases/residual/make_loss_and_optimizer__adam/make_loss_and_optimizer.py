import torch
from torch import nn


def make_loss_and_optimizer(net, learning_rate=0.1):
    return nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters(), lr=learning_rate)
