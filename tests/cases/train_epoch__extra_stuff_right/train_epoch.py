import torch
import torch.nn.functional as F
from torch import nn


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    total, count = 0.0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        logits = net(images)
        log_probs = logits - torch.logsumexp(logits, 1, keepdim=True)
        optimizer.zero_grad()
        loss = criterion(log_probs, labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(images)
        count += len(images)
    return total / count
