def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    net.to(device)
    criterion, optimizer = make_criterion_and_optimizer(net, learning_rate)
    history = {"train_loss": [], "test_accuracy": []}
    for epoch in range(epochs):
        loss = train_epoch(net, train_loader, criterion, optimizer, device)
        if epoch % 2 == 0:
            accuracy = validate(net, test_loader, device)
        history["train_loss"].append(loss)
        history["test_accuracy"].append(accuracy)
    return history
