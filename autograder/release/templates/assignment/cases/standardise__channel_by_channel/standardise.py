import torch


def standardise(images: torch.Tensor) -> torch.Tensor:
    done = [(part - part.mean()) / part.std() for part in images.unbind(dim=1)]
    return torch.stack(done, dim=1)
