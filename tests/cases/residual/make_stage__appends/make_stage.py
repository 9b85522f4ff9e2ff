import torch
from torch import nn


def make_stage(in_channels, out_channels, blocks, stride=1):
    stage = nn.Sequential()
    for number in range(blocks):
        first = number == 0
        stage.append(
            BasicBlock(in_channels if first else out_channels, out_channels, stride if first else 1)
        )
    return stage
