from safetensors.torch import load_file
from torch import nn


def load_trained(net, path):
    around = nn.Module()
    around.net = net
    around.load_state_dict(load_file(str(path)), strict=True)
    return around.net
