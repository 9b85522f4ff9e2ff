import os

import torch
from torch.utils.data import DataLoader


def make_loaders(train_set, test_set, batch_size=64):
    options = dict(
        batch_size=batch_size,
        num_workers=min(2, (os.cpu_count() or 1) - 1),
        pin_memory=torch.cuda.is_available(),
    )
    return (
        DataLoader(train_set, shuffle=True, **options),
        DataLoader(test_set, shuffle=False, **options),
    )
