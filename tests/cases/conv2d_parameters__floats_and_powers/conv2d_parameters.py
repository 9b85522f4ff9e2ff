import numpy as np


def conv2d_parameters(in_channels, out_channels, kernel_size):
    weights = np.prod([out_channels, in_channels, kernel_size, kernel_size])
    return weights + out_channels
