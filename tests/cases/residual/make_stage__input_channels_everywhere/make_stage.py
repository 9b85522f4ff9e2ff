import torch
from torch import nn


def make_stage(in_channels, out_channels, blocks, stride=1):
    return nn.Sequential(*[BasicBlock(in_channels, out_channels, stride) for _ in range(blocks)])
