import numpy as np
import torch.nn.functional as F
from torchvision.transforms.functional import to_tensor


def make_transform(size=224):
    return lambda image: F.interpolate(
        to_tensor(np.array(image))[None], size=size, mode="bilinear", align_corners=False
    )[0]
