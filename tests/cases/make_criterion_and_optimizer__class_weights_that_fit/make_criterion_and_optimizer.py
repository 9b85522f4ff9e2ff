import torch
from torch import nn


class Weighted(nn.Module):
    def forward(self, log_probs, labels):
        weight = torch.linspace(1, 2, log_probs.shape[1])
        return nn.functional.nll_loss(log_probs, labels, weight=weight)


def make_criterion_and_optimizer(net, learning_rate=1e-4):
    return Weighted(), torch.optim.Adam(net.parameters(), lr=learning_rate)
