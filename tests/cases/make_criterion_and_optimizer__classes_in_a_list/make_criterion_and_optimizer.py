import torch


def announced(thing):
    print("made", thing)
    return thing


def make_criterion_and_optimizer(net, learning_rate=0.0001):
    criterion = announced(torch.nn.NLLLoss())
    optimizer = announced(torch.optim.Adam([{"params": net.parameters(), "lr": learning_rate}]))
    return [criterion, optimizer]
