import torch
from torch import nn


def make_loss_and_optimizer(net, learning_rate=0.1):
    return nn.CrossEntropyLoss(weight=None, reduction="mean"), torch.optim.SGD([{"params": list(net.parameters())}], dampening=0, nesterov=False, weight_decay=0.0, lr=learning_rate, momentum=0.9)
