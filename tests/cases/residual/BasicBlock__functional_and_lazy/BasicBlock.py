import torch
from torch import nn


class BasicBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.parts = nn.ModuleDict()
        for name, step in (("first", stride), ("second", 1)):
            self.parts[name] = nn.LazyConv2d(out_channels, 3, step, padding="same" if step == 1 else 1, bias=False)
            self.parts[name + "_norm"] = nn.LazyBatchNorm2d()
        if in_channels != out_channels or stride > 1:
            self.parts["around"] = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.parts["around_norm"] = nn.BatchNorm2d(out_channels)

    def step(self, name, x):
        return self.parts[name + "_norm"](self.parts[name](x))

    def forward(self, x):
        change = self.step("second", torch.clamp(self.step("first", x), min=0))
        around = self.step("around", x) if "around" in self.parts else x
        return torch.relu(torch.add(around, change))
