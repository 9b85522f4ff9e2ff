def train_epoch(net, loader, criterion, optimizer):
    net.train()
    losses = []
    for inputs, targets in loader:
        loss = criterion(net(inputs), targets)
        net.zero_grad()
        loss.backward()
        optimizer.step()
        losses += [loss.item()] * len(inputs)
    return sum(losses) / len(losses)
