import torch
import torchvision.transforms.functional as TF


def make_transform(size=224):
    def to_square(img):
        img = TF.pil_to_tensor(img)
        img = TF.resize(img, size=[size, size], antialias=True)
        return TF.convert_image_dtype(img, torch.float32)

    return to_square
