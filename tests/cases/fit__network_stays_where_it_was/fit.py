def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    criterion, optimizer = make_criterion_and_optimizer(net, learning_rate)
    history = {"train_loss": [], "test_accuracy": []}
    for _ in range(epochs):
        loss = train_epoch(net, train_loader, criterion, optimizer, device)
        history["train_loss"].append(loss)
        history["test_accuracy"].append(validate(net, test_loader, device))
    return history
