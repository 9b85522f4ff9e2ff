from torch import nn


def train_epoch(net, loader, optimizer, device):
    net.train()
    if not any(p.requires_grad for p in net.body.parameters()):
        net.body.eval()
    total, count = 0.0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        total += loss.item() * len(labels)
        count += len(labels)
    return total / count
