import torch


def copy_kernels(net):
    layers = net.features[0], net.features[2]
    copies = [torch.tensor(layer.weight.detach().cpu().numpy().copy()) for layer in layers]
    return dict(zip(("conv1", "conv2"), copies))
