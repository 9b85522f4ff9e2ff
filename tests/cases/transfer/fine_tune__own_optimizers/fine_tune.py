import torch
import transfer_tools as tools


def fine_tune(net, train_loader, test_loader, head_epochs, all_epochs, head_rate, body_rate, device):
    net.to(device)
    history = {"train_loss": [], "test_accuracy": []}
    for epoch in range(head_epochs + all_epochs):
        if epoch == 0 and head_epochs:
            net.body.requires_grad_(False)
            optimizer = torch.optim.Adam(net.head.parameters(), lr=head_rate)
        if epoch == head_epochs:
            net.body.requires_grad_(True)
            optimizer = torch.optim.Adam(
                [
                    {"params": net.body.parameters(), "lr": body_rate},
                    {"params": net.head.parameters()},
                ],
                lr=head_rate,
            )
        history["train_loss"].append(train_epoch(net, train_loader, optimizer, device))
        history["test_accuracy"].append(tools.accuracy(net, test_loader, device))
    return history
