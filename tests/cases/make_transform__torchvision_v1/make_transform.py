from torchvision import transforms


def make_transform(size=224):
    steps = [transforms.Resize((size, size)), transforms.ToTensor()]
    return transforms.Compose(steps)
