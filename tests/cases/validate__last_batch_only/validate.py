import torch


def validate(net, loader, device):
    was = net.training
    net.eval()
    right = count = 0
    with torch.no_grad():
        for images, labels in loader:
            right = count = 0
            right += (net(images.to(device)).argmax(1) == labels.to(device)).sum().item()
            count += len(labels)
    net.train(was)
    return right / count
