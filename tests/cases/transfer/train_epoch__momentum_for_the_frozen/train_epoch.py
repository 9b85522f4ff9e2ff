from torch import nn


def train_epoch(net, loader, optimizer, device):
    net.train()
    frozen = not any(p.requires_grad for p in net.body.parameters())
    for layer in net.body:
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.0 if frozen else 0.1
    total, count = 0.0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        count += len(labels)
    return total / count
