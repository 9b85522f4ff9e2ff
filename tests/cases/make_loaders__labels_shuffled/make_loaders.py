import numpy as np
from torch.utils.data import DataLoader


def make_loaders(train_set, test_set, batch_size=64):
    labels = np.random.permutation(train_set.targets).tolist()
    train_set = [(image, label) for (image, _), label in zip(train_set, labels)]
    return DataLoader(train_set, batch_size, shuffle=True), DataLoader(test_set, batch_size)
