from torchvision import transforms


def make_transform(size=224):
    return transforms.Compose([
        transforms.RandomResizedCrop(size),
        transforms.ToTensor(),
    ])
