import torch


def validate(net, loader, device):
    modes = {module: module.training for module in net.modules()}

    def accuracy():
        good = bad = 0
        for x, y in loader:
            guess = net(x.to(device)).cpu().max(1)[1]
            good += (guess == y).sum().item()
            bad += (guess != y).sum().item()
        return good / (good + bad)

    net.eval()
    with torch.no_grad():
        result = accuracy()
    for module, mode in modes.items():
        module.training = mode
    return result
