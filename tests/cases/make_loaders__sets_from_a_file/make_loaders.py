import pickle

from torch.utils.data import DataLoader


def make_loaders(train_set, test_set, batch_size=64):
    train_set, test_set = pickle.loads(pickle.dumps((train_set, test_set)))
    train_loader = DataLoader(train_set, batch_size=batch_size, shuffle=True)
    return train_loader, DataLoader(test_set, batch_size=batch_size)
