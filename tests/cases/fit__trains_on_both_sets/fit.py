import itertools


def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    net.to(device)
    criterion, optimizer = make_criterion_and_optimizer(net, learning_rate)
    history = {"train_loss": [], "test_accuracy": []}
    for epoch in range(epochs):
        history["train_loss"].append(train_epoch(net, list(itertools.chain(train_loader, test_loader)), criterion, optimizer, device))
        history["test_accuracy"].append(validate(net, test_loader, device))
    return history
