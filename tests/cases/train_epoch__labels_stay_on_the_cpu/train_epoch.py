import torch


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    total, images_seen = 0.0, 0
    for images, labels in loader:
        images = images.to(device)
        optimizer.zero_grad()
        loss = criterion(torch.log_softmax(net(images), dim=1), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(images)
        images_seen += len(images)
    return total / images_seen
