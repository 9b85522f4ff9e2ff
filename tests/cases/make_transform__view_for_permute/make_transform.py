import numpy as np
import torch


def make_transform(size=224):
    def transform(image):
        pixels = torch.from_numpy(np.array(image.resize((size, size), 2)))
        return pixels.view(3, size, size).float() / 255

    return transform
