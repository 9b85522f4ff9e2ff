import numpy as np
import torch


def make_transform(size=224):
    def transform(image):
        pixels = np.array(image.resize((size, size), 2), dtype=np.float32)
        return torch.from_numpy(pixels).permute(2, 0, 1)
    return transform
