import torch


class Evaluating:
    def __init__(self, net):
        self.net = net

    def __enter__(self):
        self.was_training = self.net.training
        self.net.eval()
        self.guard = torch.inference_mode()
        self.guard.__enter__()

    def __exit__(self, *error):
        self.guard.__exit__(*error)
        self.net.train(self.was_training)


def validate(net, loader, device):
    right, count = 0, 0
    with Evaluating(net):
        for number, (x, y) in enumerate(loader):
            log_probs = net(x.to(device)).log_softmax(dim=1)
            right += log_probs.topk(1).indices.squeeze(1).eq(y.to(device)).sum().item()
            count += y.size(0)
    return right / count
