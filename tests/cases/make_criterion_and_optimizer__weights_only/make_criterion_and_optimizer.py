import torch
from torch import nn


def make_criterion_and_optimizer(net, learning_rate=1e-4):
    weights = [p for name, p in net.named_parameters() if name.endswith("weight")]
    return nn.NLLLoss(), torch.optim.Adam(weights, lr=learning_rate)
