import torch


def batches_on(device, loader):
    """Used by validate as well."""
    for images, labels in loader:
        yield images.to(device), labels.to(device)


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    total, count = 0.0, 0
    for images, labels in batches_on(device, loader):
        optimizer.zero_grad()
        loss = criterion(torch.log_softmax(net(images), dim=1), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        count += len(labels)
    return total / count
