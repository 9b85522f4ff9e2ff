import numpy as np
import torch


def channel_mosaic(weight, kernel=0, columns=8):
    w = np.array(weight[kernel], dtype=np.float32)
    w -= w.min()
    if w.max() > 0:
        w /= w.max()
    blank = np.zeros_like(w[0])
    tiles = list(w) + [blank] * (-len(w) % columns)
    return np.block([tiles[i:i + columns] for i in range(0, len(tiles), columns)])
