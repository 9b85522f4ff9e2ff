import numpy as np
import torch


def kernel_mosaic(weight, columns=8):
    n, channels, k, _ = weight.shape
    span = weight.max() - weight.min()
    scaled = (weight - weight.min()) / (span if span > 0 else 1.0)
    rows = (n + columns - 1) // columns
    padding = torch.zeros(rows * columns - n, channels, k, k)
    tiles = torch.cat([scaled, padding]).reshape(rows, columns, channels, k, k)
    return tiles.permute(0, 3, 1, 4, 2).reshape(rows * k, columns * k, channels).numpy()
