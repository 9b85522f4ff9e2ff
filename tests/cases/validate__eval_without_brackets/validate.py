import torch


def validate(net, loader, device):
    was = net.training
    net.eval
    right = count = 0
    with torch.no_grad():
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            right += (net(images).argmax(1) == labels).sum().item()
            count += len(labels)
    net.train(was)
    return right / count
