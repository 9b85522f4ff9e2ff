import functools
import time

import numpy as np
import torch


def timed(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            print(f"{function.__name__}: {time.perf_counter() - start:.1f} s")

    return wrapper


@timed
@torch.enable_grad()
def train_epoch(net, loader, criterion, optimizer, device):
    net.train(mode=True)
    history = np.empty((0, 2))
    for inputs, targets in loader:
        inputs, targets = inputs.to(device), targets.to(device)
        net.zero_grad()
        loss = criterion(target=targets, input=torch.log_softmax(input=net(inputs), dim=1))
        loss.backward()
        optimizer.step()
        history = np.vstack([history, [loss.item(), len(targets)]])
    losses, sizes = history.T
    return np.dot(losses, sizes) / sizes.sum()
