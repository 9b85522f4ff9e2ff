from torch.utils.data import Subset
from torch.utils.data import DataLoader


def make_loaders(train_set, test_set, batch_size=64):
    return DataLoader(Subset(train_set, range(len(train_set) // 2)), batch_size, shuffle=True), DataLoader(test_set, batch_size)
