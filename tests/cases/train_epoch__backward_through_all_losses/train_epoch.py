import torch


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    total = 0
    for images, labels in loader:
        optimizer.zero_grad()
        total += criterion(torch.log_softmax(net(images.to(device)), 1), labels.to(device))
        total.backward()
        optimizer.step()
    return total.item() / len(loader)
