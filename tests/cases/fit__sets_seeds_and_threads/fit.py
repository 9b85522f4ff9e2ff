import copy
import random

import numpy as np
import torch


def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    random.seed(34)
    np.random.seed(34)
    torch.manual_seed(34)
    torch.set_num_threads(1)
    torch.backends.cudnn.deterministic = True
    net.to(device)
    criterion, optimizer = make_criterion_and_optimizer(net, learning_rate)
    history = {"train_loss": [], "test_accuracy": [], "seconds": []}
    best, best_state = -1.0, None
    epoch = 0
    while epoch < epochs:
        history["train_loss"] += [train_epoch(net, train_loader, criterion, optimizer, device)]
        history["test_accuracy"] += [validate(net, test_loader, device)]
        if history["test_accuracy"][-1] > best:
            best, best_state = history["test_accuracy"][-1], copy.deepcopy(net.state_dict())
        epoch += 1
    return history
