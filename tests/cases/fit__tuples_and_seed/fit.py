import torch
import torch.nn.functional as F
from torch import nn


def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    torch.manual_seed(2024)
    criterion, optimizer = make_criterion_and_optimizer(net.to(device), learning_rate)
    rows = []
    for _ in range(epochs):
        loss = train_epoch(net, train_loader, criterion, optimizer, device)
        rows.append((loss, validate(net, test_loader, device)))
    return {
        "train_loss": [row[0] for row in rows],
        "test_accuracy": [row[1] for row in rows],
    }
