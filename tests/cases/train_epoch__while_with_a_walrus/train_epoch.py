import torch


def train_epoch(net, loader, criterion, optimizer, device):
    if len(loader) == 0:
        return 0.0
    net.train()
    batches = iter(loader)
    optimizer.zero_grad()
    loss_sum = n = 0
    while (batch := next(batches, None)) is not None:
        x, y = [t.to(device) for t in batch]
        loss = criterion(torch.log_softmax(net(x), dim=1), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        loss_sum, n = loss_sum + float(loss) * len(x), n + len(x)
    return loss_sum / n
