import torch
from torch import nn, optim


def make_criterion_and_optimizer(net, learning_rate=1e-4):
    trainable = [p for p in net.parameters() if p.requires_grad]
    opt = optim.Adam(lr=learning_rate, params=trainable)
    loss = nn.NLLLoss(weight=None, reduction="mean", ignore_index=-100)
    return loss, opt
