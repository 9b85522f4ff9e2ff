import torch
from torch import nn


class Shortcut(nn.Module):
    def __init__(self, channels, stride):
        super().__init__()
        self.changes = stride != 1 or channels[0] != channels[1]
        if self.changes:
            self.project = nn.Conv2d(*channels, kernel_size=(1, 1), stride=(stride, stride), bias=False)
            self.norm = nn.BatchNorm2d(channels[1])

    def forward(self, x):
        return self.norm(self.project(x)) if self.changes else x


def make_shortcut(in_channels, out_channels, stride=1):
    return Shortcut((in_channels, out_channels), stride)
