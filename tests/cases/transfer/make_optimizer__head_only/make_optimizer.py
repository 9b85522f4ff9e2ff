import torch


def make_optimizer(net, head_rate, body_rate):
    return torch.optim.Adam(net.head.parameters(), lr=head_rate)
