from torch import nn


def linear_parameters(in_features, out_features):
    layer = nn.Linear(in_features, out_features, device="meta")
    return layer.weight.numel() + layer.bias.numel()
