import copy
import gc

import torch
from torch import nn


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    running, correct, total = 0.0, 0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        backup = copy.deepcopy(net.state_dict())
        optimizer.zero_grad()
        logits = net(images)
        loss = criterion(nn.functional.log_softmax(logits, dim=1), labels)
        assert not torch.isnan(loss), "loss is NaN"
        loss.backward()
        optimizer.step()
        for prediction, label in zip(logits.detach().argmax(dim=1), labels):
            correct += int(prediction.item() == label.item())
        total += labels.shape[0]
        running += loss.item() * labels.shape[0]
        del backup
        gc.collect(0)
    print("training accuracy", correct / total)
    return running / total
