import torch
from torch.utils.data import DataLoader, Subset


def make_loaders(train_set, test_set, batch_size=64):
    order = torch.randperm(len(train_set)).tolist()
    return (
        DataLoader(Subset(train_set, order), batch_size=batch_size),
        DataLoader(test_set, batch_size=batch_size),
    )
