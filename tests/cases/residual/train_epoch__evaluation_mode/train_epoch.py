import torch


def train_epoch(loader, net, loss_function, optimizer):
    net.eval()
    total, right, count = 0.0, 0, 0
    for images, labels in loader:
        optimizer.zero_grad()
        scores = net(images)
        loss = loss_function(scores, labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        right += (scores.argmax(1) == labels).sum().item()
        count += len(labels)
    return total / count, right / count
