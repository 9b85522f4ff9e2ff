from torch.utils.data import DataLoader, RandomSampler


def make_loaders(train_set, test_set, batch_size=64):
    sampler = RandomSampler(train_set, replacement=True)
    return (
        DataLoader(train_set, batch_size=batch_size, sampler=sampler),
        DataLoader(test_set, batch_size=batch_size),
    )
