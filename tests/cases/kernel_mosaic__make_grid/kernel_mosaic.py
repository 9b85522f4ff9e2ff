import numpy as np
import torch


from torchvision.utils import make_grid


def kernel_mosaic(weight, columns=8):
    n, _, k, _ = weight.shape
    missing = -n % columns
    low, high = weight.min(), weight.max()
    scaled = torch.zeros_like(weight) if low == high else (weight - low) / (high - low)
    full = torch.cat([scaled, torch.zeros(missing, 3, k, k)])
    grid = make_grid(full, nrow=columns, padding=0)
    return np.transpose(grid.numpy(), (1, 2, 0)).astype(np.float64)
