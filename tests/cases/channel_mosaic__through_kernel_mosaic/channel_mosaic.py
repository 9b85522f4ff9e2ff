import numpy as np
import torch


def channel_mosaic(weight, kernel=0, columns=8):
    channels = weight[kernel].unsqueeze(1)  # (c, 1, k, k)
    return kernel_mosaic(channels.expand(-1, 3, -1, -1), columns)[..., 0]
