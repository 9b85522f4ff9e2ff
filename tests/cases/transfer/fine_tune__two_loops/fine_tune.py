import transfer_tools


def fine_tune(net, train_loader, test_loader, head_epochs, all_epochs, head_rate, body_rate, device):
    net = net.to(device)
    losses, accuracies = [], []

    def epochs(number):
        optimizer = make_optimizer(net, head_rate, body_rate)
        for _ in range(number):
            losses.append(train_epoch(net, train_loader, optimizer, device))
            accuracies.append(transfer_tools.accuracy(net, test_loader, device))

    for p in net.body.parameters():
        p.requires_grad = False
    epochs(head_epochs)
    for p in net.parameters():
        p.requires_grad = True
    epochs(all_epochs)
    return dict(train_loss=losses, test_accuracy=accuracies)
