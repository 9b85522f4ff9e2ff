"""What takes a GPU's place must let every network pass that a GPU would: layers, optimizers, packed sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from autograder.grading.training.placement import gpu_or_stand_in


class Packed(nn.Module):
    """An LSTM that leaves out padding."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 4, batch_first=True)

    def forward(self, sequences: torch.Tensor) -> Any:  # (3, 5, 4)
        lengths = torch.tensor([5, 2, 4])
        packed = pack_padded_sequence(sequences, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True)


class Attention(nn.Module):
    """Self-attention."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, sequences: torch.Tensor) -> Any:
        return self.attention(sequences, sequences, sequences)


MADE: list[Callable[[], nn.Module]] = [
    lambda: nn.LSTM(4, 4, 2, bidirectional=True, batch_first=True),
    lambda: nn.GRU(4, 4),
    lambda: nn.RNN(4, 4),
    Packed,
    Attention,
    lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True),
]


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_networks_for_sequences_are_trained_where_they_were_moved(
    make: Callable[[], nn.Module], optimizer: Any
) -> None:
    net, sequences = make(), torch.randn(3, 5, 4)
    with gpu_or_stand_in(real=False):
        net.to("cuda")
        steps = optimizer(net.parameters(), lr=0.1)
        outputs = net(sequences.to("cuda"))
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        assert outputs.is_cuda
        outputs.square().sum().backward()
        steps.step()
        assert all(part.is_cuda for part in net.parameters())


def test_a_network_that_was_not_moved_lies_on_the_cpu_still() -> None:
    net = Packed()
    with gpu_or_stand_in(real=False):
        assert not net(torch.randn(3, 5, 4))[0].is_cuda
