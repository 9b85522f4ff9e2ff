from torchvision import transforms


def make_transform(size=224):
    return transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor()])
