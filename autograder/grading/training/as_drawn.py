"""What a challenge holds, made in the box: its network, and its examples in batches. Goes with the probes."""

from __future__ import annotations

from typing import Any


def network_as_drawn(build: Any, drawn: Any) -> Any:
    """The network with the parameters and buffers that were drawn."""
    net = build(**drawn["options"])
    net.load_state_dict(drawn["state"])
    return net


def loader_as_drawn(drawn: Any, device: Any = "cpu", part: str = "") -> Any:
    """The batches on a device, in the order in which they were drawn.

    Args:
        part: "test_" for those that are validated on.
    """
    from torch.utils.data import DataLoader, TensorDataset

    examples = (drawn[f"{part}{name}"].to(device) for name in ("inputs", "labels"))
    return DataLoader(TensorDataset(*examples), batch_size=drawn["batch_size"])


AS_DRAWN = (network_as_drawn, loader_as_drawn)  # for a probe's `uses`
