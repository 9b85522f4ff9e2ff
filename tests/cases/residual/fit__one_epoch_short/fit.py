def fit(train_loader, test_loader, net, epochs, learning_rate=0.1):
    loss_function, optimizer = make_loss_and_optimizer(net, learning_rate)
    history = {"loss": [], "accuracy": []}
    for _ in range(epochs - 1):
        loss, _ = train_epoch(train_loader, net, loss_function, optimizer)
        history["loss"].append(loss)
        history["accuracy"].append(evaluate(test_loader, net))
    return history
