import torch.nn.functional as F

losses = []


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = criterion(F.log_softmax(net(images), dim=1), labels)
        loss.backward()
        optimizer.step()
        losses.extend([loss.item()] * len(images))
    return sum(losses) / len(losses)
