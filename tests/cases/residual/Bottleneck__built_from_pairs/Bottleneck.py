import torch
from torch import nn


def pair(inputs, outputs, side, stride=1):
    return [nn.Conv2d(inputs, outputs, side, stride=stride, padding=side // 2, bias=False), nn.BatchNorm2d(outputs)]


class Bottleneck(nn.Module):
    def __init__(self, in_channels, width, stride=1):
        super().__init__()
        narrow = [*pair(in_channels, width, 1), nn.ReLU(), *pair(width, width, 3, stride), nn.ReLU()]
        self.change = nn.Sequential(*narrow, *pair(width, width * 4, 1))
        self.keep = make_shortcut(in_channels, width * 4, stride)

    def forward(self, x):
        kept = self.keep(x)
        return nn.functional.relu(kept + self.change(x))
