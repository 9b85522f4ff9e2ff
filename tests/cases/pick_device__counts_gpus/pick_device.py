import torch
from torch.cuda import device_count


def pick_device():
    if device_count() > 0:
        print("GPU:", torch.cuda.get_device_name(0))
        return torch.device("cuda:0")
    return torch.device("cpu")
