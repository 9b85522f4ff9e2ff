import torch.nn.functional as F


def train_epoch(net, loader, criterion, optimizer, device):
    on_gpu = str(device).startswith("cuda")
    if on_gpu:
        net = net.cuda()
    net.train()
    total = 0.0
    n = 0
    for data in loader:
        x, y = data
        if on_gpu:
            x = x.cuda(non_blocking=True)
            y = y.cuda(non_blocking=True)
        optimizer.zero_grad()
        out = F.log_softmax(net(x), dim=1)
        loss = criterion(out, y)
        loss.backward()
        optimizer.step()
        total += loss.item() * y.shape[0]
        n += y.shape[0]
    return total / n
