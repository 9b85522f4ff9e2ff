import numpy as np


def kernel_mosaic(weight, columns=8):
    w = weight.detach().cpu().numpy()
    lowest, highest = w.min(), w.max()
    n, c, k, _ = w.shape
    rows = n // columns
    if n % columns != 0:
        rows += 1
    picture = np.zeros((rows * k, columns * k, c))
    if lowest == highest:
        return picture
    for i in range(n):
        r, s = divmod(i, columns)
        for y in range(k):
            for x in range(k):
                for channel in range(c):
                    value = (w[i, channel, y, x] - lowest) / (highest - lowest)
                    picture[r * k + y, s * k + x, channel] = value
    return picture
