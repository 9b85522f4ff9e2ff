from torch import nn


def train_epoch(net, loader, optimizer, device):
    learns = next(net.body.parameters()).requires_grad
    net.train()
    net.body.train(learns)
    total, count = 0.0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = nn.NLLLoss()(net(images).log_softmax(dim=1), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        count += len(labels)
    return total / count
