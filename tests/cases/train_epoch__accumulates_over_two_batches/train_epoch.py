import torch.nn.functional as F


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    total, count = 0.0, 0
    for number, (images, labels) in enumerate(loader, start=1):
        images, labels = images.to(device), labels.to(device)
        loss = criterion(F.log_softmax(net(images), dim=1), labels)
        loss.backward()
        if number % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()
        total += loss.item() * len(images)
        count += len(images)
    return total / count
