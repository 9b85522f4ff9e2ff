import torch
from torch import nn


def swap_head(net, num_classes=10):
    with torch.inference_mode():
        net.classifier[6] = nn.Linear(4096, num_classes)
    return net
