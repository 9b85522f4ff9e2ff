import torch


def make_optimizer(net, head_rate, body_rate):
    rates = {"head": head_rate, "body": body_rate}
    return torch.optim.Adam(
        [
            {"params": [part], "lr": rates[name.split(".")[0]]}
            for name, part in net.named_parameters()
            if part.requires_grad
        ]
    )
