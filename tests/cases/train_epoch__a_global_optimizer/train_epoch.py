import torch
import torch.nn.functional as F
from torch import nn


my_optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))])


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    total, count = 0.0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        net.zero_grad()
        loss = criterion(F.log_softmax(net(images), dim=1), labels)
        loss.backward()
        my_optimizer.step()
        total += loss.item() * len(images)
        count += len(images)
    return total / count
