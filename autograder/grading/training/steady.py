"""How both sides compute where their results are compared. Shipped into the box with the probes."""

from __future__ import annotations

from typing import Any


def use_tf32(wanted: bool) -> None:
    """float32 products on a GPU in TF32, or in full, whichever of torch's switches were used before.

    The older switches are set, which keep the newer ones (`fp32_precision`, since 2.9) in step. After the
    newer ones were set alone, torch refuses to read the older, and a student's code may well read them.
    """
    import torch

    backends: Any = torch.backends
    torch.set_float32_matmul_precision("high" if wanted else "highest")
    backends.cudnn.allow_tf32 = wanted
    right, wrong = ("tf32", "ieee") if wanted else ("ieee", "tf32")
    owners: Any = (backends.cuda.matmul, getattr(backends.cudnn, "conv", None))
    for owner in owners:
        if (
            getattr(owner, "fp32_precision", right) == wrong
        ):  # set for all of torch at once, and wins
            owner.fp32_precision = right


def uses_tf32() -> Any:
    """Whether matrix products and convolutions use TF32 now, by the switches that can be read."""
    import torch

    backends: Any = torch.backends
    newer: Any = (backends.cuda.matmul, getattr(backends.cudnn, "conv", None))
    if all(hasattr(owner, "fp32_precision") for owner in newer):
        return tuple(owner.fp32_precision == "tf32" for owner in newer)
    return backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32


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
        matmul, convolutions = uses_tf32()
        stack.callback(setattr, backends.cudnn, "allow_tf32", convolutions)
        stack.callback(torch.set_float32_matmul_precision, "high" if matmul else "highest")
        use_tf32(precision == "tf32")
        for owner, name, value in (
            (backends.cudnn, "deterministic", True),
            (backends.cudnn, "benchmark", False),
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
        use_tf32(False)
        torch.set_autocast_enabled("cuda", False)

    if device_name != "cpu":
        for layer in net.modules():  # who calls net.forward() goes past the network's own hooks
            layer.register_forward_pre_hook(hold)


def remembered(function: Any, gpu: bool) -> Any:
    """A context in which a notebook remembers that there is a GPU, or that there is none.

    The lecture asks torch once, in a cell of its own (`use_gpu = torch.cuda.is_available()`), and every
    function looks at the answer. So the answer follows the device for which a function is called.
    """
    import contextlib

    @contextlib.contextmanager
    def within() -> Any:
        scope = getattr(function, "__globals__", None)
        if scope is None:  # an object that can be called
            scope = getattr(type(function).__call__, "__globals__", {})
        before = {
            name: value
            for name, value in scope.items()
            if isinstance(value, bool) and ("gpu" in name.lower() or "cuda" in name.lower())
        }
        scope.update(dict.fromkeys(before, gpu))
        try:
            yield
        finally:
            scope.update(before)

    return within()


STEADY = (use_tf32, uses_tf32, steady, held)  # for a probe's `uses`
