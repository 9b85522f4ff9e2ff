import torch


@torch.inference_mode()
def evaluate(loader, net):
    before = net.training
    try:
        net.eval()
        hits = torch.cat([net(x).max(1).indices == y for x, y in loader])
        return hits.float().mean().item()
    finally:
        net.train(before)
