"""The probe that asks which device is picked, with and without a GPU."""

from __future__ import annotations

from typing import Any

from autograder.grading import probe


@probe
def picked_devices(pick_device: Any) -> Any:
    """What is picked here, and what where torch says that there is, or is not, a GPU."""
    import types

    import torch

    def picked() -> Any:
        device = pick_device()
        return [isinstance(device, torch.device), str(getattr(device, "type", device)), device]

    accelerator = getattr(torch, "accelerator", None)
    current = getattr(accelerator, "current_accelerator", None)
    device_here = picked()
    accelerated = torch.cuda.is_available() or torch.backends.mps.is_available()
    accelerated = accelerated or bool(accelerator is not None and accelerator.is_available())
    pretended = {}
    for present in (True, False):

        def accelerator_now(check_available: bool = False, present: bool = present) -> Any:
            if present:
                return torch.device("cuda")
            return None if check_available or current is None else current()

        patches = [
            (torch.cuda, "is_available", lambda present=present: present),
            (torch.cuda, "device_count", lambda present=present: int(present)),
            (torch.cuda, "current_device", lambda: 0),
            (torch.cuda, "get_device_name", lambda *_, **__: "a GPU"),
            (torch.cuda, "get_device_capability", lambda *_, **__: (9, 0)),
            (torch.backends.mps, "is_available", lambda: False),
            (accelerator, "is_available", lambda present=present: present),
            (accelerator, "device_count", lambda present=present: int(present)),
            (accelerator, "current_accelerator", accelerator_now),
        ]
        originals = []
        scope = getattr(pick_device, "__globals__", {})
        imported = []
        try:
            for owner, name, stand_in in patches:
                if hasattr(owner, name):
                    original = getattr(owner, name)
                    originals.append((owner, name, original))
                    imported += [
                        (key, value, stand_in)
                        for key, value in scope.items()
                        if value is original and isinstance(value, types.FunctionType)
                    ]
                    setattr(owner, name, stand_in)
            for key, _value, stand_in in imported:
                scope[key] = stand_in
            pretended[str(present)] = picked()
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)
            for key, value, _stand_in in imported:
                scope[key] = value
    return {
        "here": device_here,
        "gpu_here": accelerated,
        "with": pretended["True"],
        "without": pretended["False"],
    }
