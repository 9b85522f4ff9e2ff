import torch


@torch.no_grad()
def validate(net, loader, device):
    was_training = net.training
    net.eval()
    hits = total = 0
    for images, labels in loader:
        hits += (net(images).argmax(dim=1) == labels).sum().item()
        total += labels.numel()
    net.train(was_training)
    return hits / total
