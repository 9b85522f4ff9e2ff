import torch


def make_optimizer(net, head_rate, body_rate):
    return torch.optim.Adam(
        [
            {"params": net.head.parameters(), "lr": head_rate},
            {"params": net.body.parameters(), "lr": body_rate},
        ]
    )
