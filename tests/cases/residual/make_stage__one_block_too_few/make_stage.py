import torch
from torch import nn


def make_stage(in_channels, out_channels, blocks, stride=1):
    first = BasicBlock(in_channels, out_channels, stride)
    return nn.Sequential(first, *[BasicBlock(out_channels, out_channels) for _ in range(blocks - 2)])
