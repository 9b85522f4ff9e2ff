import torch
import torch.nn.functional as F
from torch import nn


from collections import defaultdict

import numpy as np


def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    net = net.to(device)
    optimizer = torch.optim.Adam(net.parameters(), learning_rate)
    history = defaultdict(list)
    for epoch in range(1, epochs + 1):
        net.train()
        losses = []
        for x, y in train_loader:
            loss = F.cross_entropy(net(x.to(device)), y.to(device), reduction="none")
            optimizer.zero_grad()
            loss.mean().backward()
            optimizer.step()
            losses.extend(loss.tolist())
        net.eval()
        hits = []
        with torch.no_grad():
            for x, y in test_loader:
                hits.extend((net(x.to(device)).argmax(1) == y.to(device)).tolist())
        history["train_loss"].append(np.mean(losses))
        history["test_accuracy"].append(np.mean(hits))
        print(f"epoch {epoch}: {np.mean(losses):.3f}")
    return history
