from torch.utils.data import DataLoader


def make_loaders(train_set, test_set, batch_size=64):
    return tuple(DataLoader(s, batch_size=batch_size, shuffle=True) for s in (train_set, test_set))
