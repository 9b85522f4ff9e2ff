import torch


def evaluate(loader, net):
    modes = [(part, part.training) for part in net.modules()]
    net.eval()
    right = count = 0
    with torch.no_grad():
        for images, labels in loader:
            right += int((net(images).argmax(1) == labels).sum())
            count += len(labels)
    for part, mode in modes:
        part.training = mode
    return right / count
