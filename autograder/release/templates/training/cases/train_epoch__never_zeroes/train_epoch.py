def train_epoch(net, loader, criterion, optimizer):
    net.train()
    total, seen = 0.0, 0
    for inputs, targets in loader:
        loss = criterion(net(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(inputs)
        seen += len(inputs)
    return total / seen
