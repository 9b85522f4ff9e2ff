from PIL import Image
from torchvision import transforms


def make_transform(size=224):
    return transforms.Compose([
        transforms.Resize((size, size), interpolation=transforms.InterpolationMode.NEAREST),
        transforms.ToTensor(),
    ])
