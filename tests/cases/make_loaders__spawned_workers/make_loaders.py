from torch.utils.data import DataLoader


def make_loaders(train_set, test_set, batch_size=64):
    options = {
        "num_workers": 1,
        "multiprocessing_context": "spawn",
        "persistent_workers": True,
    }
    train_loader = DataLoader(train_set, batch_size=batch_size, shuffle=True, **options)
    return train_loader, DataLoader(test_set, batch_size=batch_size)
