import torch
from torch import nn


def train_epoch(net, loader, optimizer, device):
    criterion = nn.CrossEntropyLoss(reduction="sum")
    for layer in net.modules():
        own = list(layer.parameters(recurse=False))
        layer.training = not own or any(p.requires_grad for p in own)
    losses = []
    count = 0
    for batch in loader:
        images, labels = (part.to(device) for part in batch)
        loss = criterion(net(images), labels)
        optimizer.zero_grad(set_to_none=False)
        (loss / len(labels)).backward()
        optimizer.step()
        losses.append(loss.detach())
        count += len(labels)
    return float(torch.stack(losses).sum()) / count
