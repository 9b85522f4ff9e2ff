import torch


def evaluate(loader, net):
    mode = net.training
    net.eval()
    right = count = 0
    with torch.no_grad():
        for images, labels in loader:
            right += float((net(images).argmax(1) == labels).float().mean())
            count += 1
    net.train(mode)
    return right / count
