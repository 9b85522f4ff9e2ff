import torch


def train_epoch(loader, net, loss_function, optimizer):
    net.train()
    losses, sizes, hits = [], [], []
    for batch in loader:
        scores = net(batch[0])
        loss = loss_function(scores, batch[1])
        for parameter in net.parameters():
            parameter.grad = None
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        sizes.append(len(batch[1]))
        hits.append(scores.detach().argmax(dim=-1).eq(batch[1]))
    weights = torch.tensor(sizes, dtype=torch.float64)
    mean = (torch.stack(losses).double() * weights).sum() / weights.sum()
    return mean.item(), torch.cat(hits).double().mean().item()
