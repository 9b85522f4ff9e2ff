import numpy as np


def kernel_mosaic(weight, columns=8):
    n, c, k, _ = weight.shape
    rows = -(-n // columns)
    mosaic = np.zeros((rows * k, columns * k, c))
    for i, kernel in enumerate(weight.numpy()):
        span = kernel.max() - kernel.min()
        tile = (kernel - kernel.min()) / (span if span else 1)
        top, left = i % rows * k, i // rows * k
        mosaic[top : top + k, left : left + k] = tile.transpose(1, 2, 0)
    return mosaic
