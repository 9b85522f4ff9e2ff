def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    net.to(device)
    criterion, optimizer = make_criterion_and_optimizer(net, learning_rate)
    losses, accuracies = [], []
    for _ in range(epochs):
        losses.append(train_epoch(net, train_loader, criterion, optimizer, device))
        accuracies.append(validate(net, test_loader, device))
    means = [sum(accuracies[: n + 1]) / (n + 1) for n in range(epochs)]
    return {"train_loss": losses, "test_accuracy": means}
