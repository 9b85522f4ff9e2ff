def train_epoch(net, loader, criterion, optimizer):
    net.train()
    total, seen = 0.0, 0
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(net(inputs).softmax(dim=1), targets)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(inputs)
        seen += len(inputs)
    return total / seen
