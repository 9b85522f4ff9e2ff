import torch
import torch.nn.functional as F
from torch import nn


def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    net.to(device)
    losses, accuracies = [], []
    criterion, optimizer = make_criterion_and_optimizer(net, learning_rate)
    for _ in range(epochs):
        
        accuracies.append(validate(net, test_loader, device))
        losses.append(train_epoch(net, train_loader, criterion, optimizer, device))
    return {"train_loss": losses, "test_accuracy": accuracies}
