import torch
from torch import nn


def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    net.to(device)
    criterion = nn.NLLLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=learning_rate, betas=(0.5, 0.9))
    history = {"train_loss": [], "test_accuracy": []}
    for epoch in range(epochs):
        history["train_loss"].append(train_epoch(net, train_loader, criterion, optimizer, device))
        history["test_accuracy"].append(validate(net, test_loader, device))
    return history
