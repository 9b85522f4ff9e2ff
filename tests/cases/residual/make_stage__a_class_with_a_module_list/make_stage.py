import torch
from torch import nn


class Stage(nn.Module):
    def __init__(self, channels, strides):
        super().__init__()
        pairs = zip(channels, channels[1:], strides)
        self.blocks = nn.ModuleList(BasicBlock(*pair) for pair in pairs)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


def make_stage(in_channels, out_channels, blocks, stride=1):
    return Stage([in_channels] + [out_channels] * blocks, [stride] + [1] * (blocks - 1))
