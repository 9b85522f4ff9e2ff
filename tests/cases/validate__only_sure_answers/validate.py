import torch


def validate(net, loader, device):
    mode = net.training
    net.eval()
    right = count = 0
    with torch.no_grad():
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            chances, answers = net(images).softmax(dim=1).max(dim=1)
            right += ((answers == labels) & (chances > 0.5)).sum().item()
            count += len(labels)
    net.train(mode)
    return right / count
