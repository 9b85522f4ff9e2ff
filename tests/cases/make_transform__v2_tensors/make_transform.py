import torch
from torchvision.transforms import v2


def make_transform(size=224):
    return v2.Compose([
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Resize((size, size), antialias=False),
    ])
