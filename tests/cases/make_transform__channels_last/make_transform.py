import numpy as np
import torch


def make_transform(size=224):
    return lambda image: torch.from_numpy(np.array(image.resize((size, size), 2)) / np.float32(255))
