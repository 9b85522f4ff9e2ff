def fit(train_loader, test_loader, net, epochs, learning_rate=0.1):
    tools_of_training = make_loss_and_optimizer(net, learning_rate=learning_rate)
    rows = []
    while len(rows) < epochs:
        rows.append((train_epoch(train_loader, net, *tools_of_training)[0], evaluate(test_loader, net)))
    losses, accuracies = zip(*rows)
    return dict(loss=list(losses), accuracy=list(accuracies))
