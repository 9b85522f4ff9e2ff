import torch
from torch import nn


def make_stage(in_channels, out_channels, blocks, stride=1):
    stage = [BasicBlock(in_channels, out_channels, stride)]
    stage += [BasicBlock(out_channels, out_channels) for _ in range(blocks - 1)]
    return stage
