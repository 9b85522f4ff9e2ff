import torch


def make_optimizer(net, head_rate, body_rate):
    learning = [p for p in net.parameters() if p.requires_grad]
    return torch.optim.Adam(learning, lr=head_rate)
