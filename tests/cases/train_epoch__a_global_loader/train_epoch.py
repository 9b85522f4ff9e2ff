import torch
import torch.nn.functional as F

train_loader = [(torch.ones(4, 3, 8, 8), torch.tensor([0, 1, 2, 0]))] * 3


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    total, count = 0.0, 0
    for images, labels in train_loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = criterion(F.log_softmax(net(images), dim=1), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(images)
        count += len(images)
    return total / count
