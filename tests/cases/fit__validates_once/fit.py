def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    net.to(device)
    criterion, optimizer = make_criterion_and_optimizer(net, learning_rate)
    losses = [train_epoch(net, train_loader, criterion, optimizer, device) for _ in range(epochs)]
    accuracy = validate(net, test_loader, device)
    return {"train_loss": losses, "test_accuracy": [accuracy] * epochs}
