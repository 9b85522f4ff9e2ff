import torch


class AverageMeter:
    def __init__(self):
        self.sum = self.count = 0.0

    def update(self, value, n=1):
        self.sum += value * n
        self.count += n

    @property
    def average(self):
        return self.sum / self.count


class Trainer:
    """Called like a function: one epoch."""

    def step(self, net, images, labels, criterion, optimizer):
        optimizer.zero_grad()
        loss = criterion(net(images).log_softmax(dim=1), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    def __call__(self, net, loader, criterion, optimizer, device):
        net.train()
        meter = AverageMeter()
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            meter.update(self.step(net, images, labels, criterion, optimizer), len(images))
        return meter.average


train_epoch = Trainer()
