import numpy as np
import torch


def kernel_mosaic(weight, columns=8):
    n, _, k, _ = weight.shape
    rows = -(-n // columns)
    w = weight.numpy().astype(float)
    w = (w - w.min()) / (w.max() - w.min())
    mosaic = np.zeros((rows * k, columns * k, 3))
    for i in range(n):
        r, c = divmod(i, columns)
        mosaic[r * k:(r + 1) * k, c * k:(c + 1) * k] = w[i].transpose(1, 2, 0)
    return mosaic
