import torch
from torch import nn


def train_epoch(net, loader, criterion, optimizer, device):
    net.train()
    to_log_probs = nn.LogSoftmax(dim=1).to(device)
    sums, sizes = [], []
    for i, (images, labels) in enumerate(loader):
        images = images.to(device=device, dtype=torch.float32)
        labels = labels.to(device=device)
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(to_log_probs(net(images)), labels)
        loss.backward()
        optimizer.step()
        sums.append(loss.detach() * len(labels))
        sizes.append(torch.tensor(len(labels)))
    return float(torch.stack(sums).sum().cpu() / torch.stack(sizes).sum())
