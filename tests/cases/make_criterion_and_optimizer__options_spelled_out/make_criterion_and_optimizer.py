import torch
import torch.nn.functional as F
from torch import nn


def make_criterion_and_optimizer(net, learning_rate=1e-4):
    groups = [{"params": [parameter]} for parameter in net.parameters()]
    optimizer = torch.optim.Adam(
        groups, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, foreach=False
    )
    return nn.NLLLoss(reduction="mean"), optimizer
