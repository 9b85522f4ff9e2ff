import torch
from torch import nn


def make_loss_and_optimizer(net, learning_rate=0.1):
    return nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=learning_rate, momentum=0.9, weight_decay=1e-4)
