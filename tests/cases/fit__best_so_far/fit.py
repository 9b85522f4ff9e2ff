def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    net.to(device)
    criterion, optimizer = make_criterion_and_optimizer(net, learning_rate)
    history = {"train_loss": [], "test_accuracy": []}
    best = 0.0
    for _ in range(epochs):
        loss = train_epoch(net, train_loader, criterion, optimizer, device)
        best = max(best, validate(net, test_loader, device))
        history["train_loss"].append(loss)
        history["test_accuracy"].append(best)
    return history
