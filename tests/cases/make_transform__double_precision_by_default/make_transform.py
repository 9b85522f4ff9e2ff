import torch
from torchvision import transforms

torch.set_default_dtype(torch.float64)


def make_transform(size=224):
    return transforms.Compose([transforms.Resize((size, size)), transforms.ToTensor()])
