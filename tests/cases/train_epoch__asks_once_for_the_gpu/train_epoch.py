import torch
import torch.nn.functional as F
from torch.autograd import Variable

use_gpu = torch.cuda.is_available()


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    total, count = 0.0, 0
    for images, labels in loader:
        if use_gpu:
            images, labels = Variable(images.cuda()), Variable(labels.cuda())
        else:
            images, labels = Variable(images), Variable(labels)
        optimizer.zero_grad()
        loss = criterion(F.log_softmax(net(images), dim=1), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(images)
        count += len(images)
    return total / count
