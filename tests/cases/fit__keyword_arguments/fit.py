def fit(net, train_loader, test_loader, epochs, learning_rate, device):
    net = net.to(device)
    criterion, optimizer = make_criterion_and_optimizer(learning_rate=learning_rate, net=net)
    losses, accuracies = [], []
    for epoch, _ in enumerate(range(epochs), 1):
        losses.append(
            train_epoch(
                device=device, optimizer=optimizer, criterion=criterion, loader=train_loader, net=net
            )
        )
        accuracies.append(validate(device=device, loader=test_loader, net=net))
        print(f"{epoch}/{epochs}: {losses[-1]:.3f} {accuracies[-1]:.1%}")
    return dict(test_accuracy=accuracies, train_loss=losses)
