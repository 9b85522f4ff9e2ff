import transfer_tools as tools


def fine_tune(net, train_loader, test_loader, head_epochs, all_epochs, head_rate, body_rate, device):
    net.to(device)
    history = {"train_loss": [], "test_accuracy": []}
    for frozen, epochs in ((True, head_epochs), (False, all_epochs)):
        net.body.requires_grad_(not frozen)
        optimizer = make_optimizer(net, head_rate, body_rate)
        for _ in range(epochs):
            loss = train_epoch(net, test_loader, optimizer, device)
            history["train_loss"].append(loss)
            history["test_accuracy"].append(tools.accuracy(net, test_loader, device))
    return history
