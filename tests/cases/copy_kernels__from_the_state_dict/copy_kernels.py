import copy

import torch


@torch.no_grad()
def copy_kernels(net):
    state = copy.deepcopy(net.state_dict())
    return {"conv1": state["features.0.weight"].cpu(), "conv2": state["features.2.weight"].cpu()}
