import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader


def make_loaders(train_set, test_set, batch_size=64):
    train_set = [(image, F.one_hot(torch.tensor(label), 10)) for image, label in train_set]
    return DataLoader(train_set, batch_size, shuffle=True), DataLoader(test_set, batch_size)
