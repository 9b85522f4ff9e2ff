"""How both sides compute where their results are compared. Shipped into the box with the probes."""

from __future__ import annotations

from typing import Any


def steady(device_name: str, precision: str = "ieee") -> Any:
    """A context in which a device computes as exactly and repeatably as it can, whatever was set before.

    On a GPU: float32 in full (or in TF32, if the precision is "tf32"), cuDNN's deterministic algorithms
    and no search for the quickest, other deterministic algorithms where torch has them. On the CPU of a
    machine with a GPU: torch says that there is none, as on a CPU runner. Elsewhere: nothing is changed.
    """
    import contextlib
    import warnings
    from unittest import mock

    import torch

    def without_gpu(stack: Any) -> None:
        if torch.cuda.is_available():
            stack.enter_context(mock.patch.object(torch.cuda, "is_available", return_value=False))
            stack.enter_context(mock.patch.object(torch.cuda, "device_count", return_value=0))

    def exact_gpu(stack: Any) -> None:
        backends: Any = torch.backends
        for owner, name, value in (
            (backends.cudnn, "deterministic", True),
            (backends.cudnn, "benchmark", False),
            (backends.cuda.matmul, "fp32_precision", precision),
            (backends.cudnn.conv, "fp32_precision", precision),
        ):
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        before = torch.are_deterministic_algorithms_enabled()
        softly = torch.is_deterministic_algorithms_warn_only_enabled()
        stack.callback(torch.use_deterministic_algorithms, before, warn_only=softly)
        torch.use_deterministic_algorithms(True, warn_only=True)
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", message=".*deterministic")

    @contextlib.contextmanager
    def within() -> Any:
        with contextlib.ExitStack() as stack:
            (without_gpu if device_name == "cpu" else exact_gpu)(stack)
            yield

    return within()


def held(net: Any, device_name: str) -> None:
    """Keep a network's forward passes exact on a GPU, also within a function that switches on what is not.

    TF32 and autocast are switched off again before each pass, so who uses them in training gets on a GPU
    what it gets on a CPU runner.
    """
    import torch

    def hold(_layer: Any, _inputs: Any) -> None:
        backends: Any = torch.backends
        backends.cuda.matmul.fp32_precision = backends.cudnn.conv.fp32_precision = "ieee"
        torch.set_autocast_enabled("cuda", False)

    if device_name != "cpu":
        net[0].register_forward_pre_hook(hold)
