import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler


def make_loaders(train_set, test_set, batch_size=64):
    generator = torch.Generator().manual_seed(1234)
    torch.manual_seed(0)
    train = DataLoader(
        train_set,
        batch_sampler=BatchSampler(RandomSampler(train_set, generator=generator), batch_size, False),
    )
    test = DataLoader(test_set, sampler=SequentialSampler(test_set), batch_size=batch_size)
    return [train, test]
