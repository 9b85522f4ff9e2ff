import torch
from torch import nn


def make_stage(in_channels, out_channels, blocks, stride=1):
    channels = [in_channels] + [out_channels] * (blocks - 1)
    return nn.Sequential(*[BasicBlock(c, out_channels, stride) for c in channels])
