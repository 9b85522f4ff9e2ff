import torch


def validate(net, loader, device):
    was = net.training
    net.train()
    right = count = 0
    with torch.no_grad():
        for images, labels in loader:
            right += (net(images.to(device)).argmax(1) == labels.to(device)).float().mean().item()
            count += 1
    net.train(was)
    return right / count
