def train_epoch(net, loader, criterion, optimizer, device):
    raise NotImplementedError
