import torch


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    parameters = [p for p in net.parameters() if p.requires_grad]
    total = torch.zeros((), dtype=torch.float64)
    images_seen = 0
    for images, labels in loader:
        log_probs = net(images.to(device)).log_softmax(1)
        loss = criterion(log_probs, labels.to(device))
        for p, g in zip(parameters, torch.autograd.grad(loss, parameters)):
            p.grad = g
        optimizer.step()
        total += loss.detach().cpu().double() * images.size(0)
        images_seen += images.size(0)
    return (total / images_seen).item()
