import torch


def make_optimizer(net, head_rate, body_rate):
    return torch.optim.Adam(
        [
            {"params": [p for p in net.head.parameters() if p.requires_grad], "lr": head_rate},
            {"params": [p for p in net.body.parameters() if p.requires_grad], "lr": body_rate},
        ],
        weight_decay=0.01,
    )
