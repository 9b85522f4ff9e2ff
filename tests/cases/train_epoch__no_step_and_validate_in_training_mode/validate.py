import torch


def validate(net, loader, device):
    right = count = 0
    with torch.no_grad():
        for images, labels in loader:
            right += (net(images.to(device)).argmax(1) == labels.to(device)).sum().item()
            count += len(labels)
    return right / count
