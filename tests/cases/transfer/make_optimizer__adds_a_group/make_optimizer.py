import torch


def make_optimizer(net, head_rate, body_rate):
    optimizer = torch.optim.Adam(net.head.parameters(), lr=head_rate)
    rest = [p for p in net.body.parameters() if p.requires_grad]
    if rest:
        optimizer.add_param_group({"params": rest, "lr": body_rate})
    return optimizer
