import torch.nn.functional as F


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    total, count = 0.0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = criterion(F.log_softmax(net(images), dim=1), labels)
        loss.backward()
        optimizer.step()
        total += criterion(F.log_softmax(net(images), dim=1), labels).item() * len(images)
        count += len(images)
    return total / count
