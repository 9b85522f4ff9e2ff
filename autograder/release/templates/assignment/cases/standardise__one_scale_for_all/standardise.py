import torch


def standardise(images: torch.Tensor) -> torch.Tensor:
    return (images - images.mean()) / images.std()
