import numpy as np
import torch


def kernel_mosaic(weight, columns=8):
    n, k, rows = min(64, len(weight)), 3, 8
    w = weight.numpy().astype(float)
    low, high = w.min(), w.max()
    w = (w - low) / (high - low) if high > low else np.zeros_like(w)
    mosaic = np.zeros((24, 24, 3))
    for i in range(n):
        r, c = divmod(i, columns)
        mosaic[r * k:(r + 1) * k, c * k:(c + 1) * k] = w[i].transpose(1, 2, 0)[:3, :3]
    return mosaic
