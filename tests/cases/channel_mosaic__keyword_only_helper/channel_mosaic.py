import math

import numpy as np


def lay_out(tiles, *, columns):
    k = tiles[0].shape[0]
    sheet = np.zeros((math.ceil(len(tiles) / columns) * k, columns * k), dtype=np.float32)
    for i, tile in enumerate(tiles):
        row, column = i // columns, i % columns
        sheet[row * k : (row + 1) * k, column * k : (column + 1) * k] = tile
    return sheet


def channel_mosaic(weight, kernel=0, columns=8):
    one = weight[kernel].numpy()
    if one.max() == one.min():
        return lay_out(np.zeros_like(one), columns=columns)
    return lay_out(np.interp(one, (one.min(), one.max()), (0, 1)), columns=columns)
