import torch.nn.functional as F
from torch import nn

my_criterion = nn.NLLLoss()


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    total, count = 0.0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        outputs = net(images)
        loss = my_criterion(F.log_softmax(outputs, dim=1), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(images)
        count += len(images)
    return total / count
