import torch


@torch.no_grad()
def validate(net, loader, device):
    state = net.training
    net.eval()
    hits = [
        (torch.argmax(net(images.to(device)), dim=-1) == labels.to(device)).sum()
        for images, labels in loader
    ]
    net.train(state)
    return torch.stack(hits).sum().item() / len(loader.dataset)
