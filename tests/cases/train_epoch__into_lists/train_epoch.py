import torch
import torch.nn.functional as F
from torch import nn


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    total, iterator = 0.0, iter(loader)
    seen = 0
    while True:
        try:
            images, labels = next(iterator)
        except StopIteration:
            return float(total / seen)

        def closure(images=images.to(device), labels=labels.to(device)):
            optimizer.zero_grad()
            loss = criterion(F.log_softmax(net(images), 1), labels)
            loss.backward()
            return loss

        total += float(optimizer.step(closure)) * len(images)
        seen += len(images)
