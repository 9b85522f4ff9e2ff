import torch


def evaluate(loader, net):
    mode = net.training
    net.eval()
    right = count = 0
    with torch.enable_grad():
        for images, labels in loader:
            right += int((net(images).argmax(1) == labels).sum())
            count += len(labels)
    net.train(mode)
    return right / count
