from torch.utils.data import DataLoader


def make_loaders(train_set, test_set, batch_size=64):
    labels = train_set.targets[::-1].tolist()
    train_set = [(image, label) for (image, _), label in zip(train_set, labels)]
    return DataLoader(train_set, batch_size, shuffle=True), DataLoader(test_set, batch_size)
