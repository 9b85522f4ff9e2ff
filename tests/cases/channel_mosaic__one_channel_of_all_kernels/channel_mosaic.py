import numpy as np
import torch


def channel_mosaic(weight, kernel=0, columns=8):
    w = weight[:, kernel].numpy().astype(float)
    low, high = w.min(), w.max()
    w = (w - low) / (high - low) if high > low else np.zeros_like(w)
    c, k, _ = w.shape
    rows = -(-c // columns)
    mosaic = np.zeros((rows * k, columns * k))
    for i in range(c):
        r, s = divmod(i, columns)
        mosaic[r * k:(r + 1) * k, s * k:(s + 1) * k] = w[i]
    return mosaic
