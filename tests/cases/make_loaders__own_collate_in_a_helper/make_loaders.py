import torch
from torch.utils.data import DataLoader


def collate(batch):
    images, labels = zip(*batch)
    return torch.stack(images), torch.as_tensor(labels)


def loader(data, *, shuffle, size):
    return DataLoader(collate_fn=collate, shuffle=shuffle, drop_last=False, batch_size=size, dataset=data)


def make_loaders(train_set, test_set, batch_size=64):
    train, test = (
        loader(data, size=batch_size, shuffle=is_train)
        for data, is_train in ((train_set, True), (test_set, False))
    )
    return train, test
