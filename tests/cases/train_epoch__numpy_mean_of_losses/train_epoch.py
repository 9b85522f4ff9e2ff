import torch
import torch.nn.functional as F
from torch import nn


import numpy as np


def train_epoch(net, loader, criterion, optimizer, device):
    torch.manual_seed(7)
    log_softmax = nn.LogSoftmax(dim=-1)
    net = net.train(True)
    losses, sizes = [], []
    for batch in loader:
        x, y = (part.to(device, non_blocking=True) for part in batch)
        for p in net.parameters():
            p.grad = None
        with torch.enable_grad():
            loss = criterion(log_softmax(net(x)), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        sizes.append(len(y))
    return np.average(losses, weights=sizes)
