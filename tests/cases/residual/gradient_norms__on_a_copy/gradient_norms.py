import copy
import math

import torch


def gradient_norms(net, images, labels):
    twin = copy.deepcopy(net).train()
    twin.zero_grad()
    log_chances = torch.log_softmax(twin(images), dim=1)
    torch.nn.NLLLoss()(log_chances, labels).backward()
    return {
        name: math.sqrt(part.grad.double().pow(2).sum())
        for name, part in twin.named_parameters()
        if part.ndim > 1
    }
