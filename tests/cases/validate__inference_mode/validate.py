import torch
import torch.nn.functional as F
from torch import nn


import numpy as np


@torch.inference_mode()
def validate(net, loader, device):
    before = net.training
    net.train(False)
    hits = []
    for x, y in loader:
        predicted = torch.softmax(net(x.to(device)), dim=1).max(dim=1).indices
        hits += predicted.eq(y.to(device)).tolist()
    net.train(before)
    return np.mean(hits)
