from torchvision import transforms


def make_transform(size=224):
    transforms.Compose([transforms.Resize((size, size)), transforms.ToTensor()])
