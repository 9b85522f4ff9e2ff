"""What stands around the students' training functions at full size: speed, and a way back.

    train_loader = OnDevice(images, 64, device, side=224, shuffle=True)
    quick = quicker(net, device, mixed_precision=True)
    history = train(fit, quick, train_loader, test_loader, 5, 1e-4, device, checkpoint)

The functions that students write do not know of any of this: a loader is a loader, a wrapped network
is a network. Files are safetensors, which hold numbers and text and can run nothing. What is damaged,
or is something else, is named in a sentence, and the training starts from the beginning.

This file needs nothing of the autograder: it travels beside the notebooks, and holds no secret.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

try:
    import safetensors
    import safetensors.torch
except ImportError:  # no files then, and a sentence that says so
    safetensors = None  # type: ignore[assignment]
try:
    from tqdm import tqdm
except ImportError:  # no progress bar then
    tqdm = None

History = dict[str, list[float]]  # "train_loss" and "test_accuracy", one number an epoch
CURVES = ("train_loss", "test_accuracy")
StrPath = str | os.PathLike[str]


# Speed


class OnDevice:
    """A loader of images that lie on the device as bytes and are enlarged there, batch by batch.

    CIFAR-10's training images are 150 MB as bytes, but 30 GB as floats of 224×224. Nothing is read or
    decoded twice, so there is nothing to do for worker processes or for pinned memory.

    Args:
        images: what `load_images` returns.
        batch_size: the last batch may be smaller.
        device: where the batches are: images float32 `(B, 3, side, side)` in [0, 1], labels int64 `(B,)`.
        side: pixels, by bilinear interpolation; None leaves the images as they are.
        shuffle: a new random order for each pass, from torch's random numbers on the CPU.
        progress: show how far each pass has come.
    """

    def __init__(
        self,
        images: Any,
        batch_size: int,
        device: torch.device,
        side: int | None = None,
        shuffle: bool = False,
        progress: bool = False,
    ) -> None:
        self.dataset, self.batch_size = images, batch_size
        self._pixels = torch.from_numpy(images.data).permute(0, 3, 1, 2).contiguous().to(device)
        self._labels = torch.tensor(images.targets, device=device)
        self._side, self._shuffle, self._progress = side, shuffle, progress

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        count = len(self._labels)
        order = torch.randperm(count) if self._shuffle else torch.arange(count)
        batches: Any = torch.split(order.to(self._labels.device), self.batch_size)
        if self._progress and tqdm is not None:
            batches = tqdm(batches, unit="batch", leave=False, file=sys.stdout, mininterval=1)
        for rows in batches:
            pixels = self._pixels[rows].float() / 255
            if self._side is not None:
                pixels = F.interpolate(pixels, size=(self._side, self._side), mode="bilinear")
            yield pixels, self._labels[rows]

    def __len__(self) -> int:
        return -(-len(self._labels) // self.batch_size)


class MixedPrecision(nn.Module):
    """A network whose forward pass multiplies in bfloat16; its scores are float32, as before."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Any:
        with torch.autocast(images.device.type, torch.bfloat16):
            scores = self.net(images)
        return scores.float()


def quicker(
    net: nn.Module,
    device: torch.device,
    *,
    channels_last: bool = False,
    mixed_precision: bool = False,
    compiled: bool = False,
) -> Any:
    """The network on its device, quicker, with the same parameters (the same objects).

    Args:
        channels_last: store a pixel's channels side by side, as tensor cores read them.
        mixed_precision: multiply in bfloat16. A GPU that cannot (before Ampere: T4, V100) is left in
            float32, and a line says so.
        compiled: have torch.compile fuse operations; the first batches take a minute longer.
    """
    net.to(device)
    if channels_last:
        net.to(memory_format=torch.channels_last)
    quick: Any = torch.compile(net) if compiled else net
    if not mixed_precision:
        return quick
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0):
        print(f"{machine(device)}: no bfloat16 in hardware, so it stays with float32")
        return quick
    return MixedPrecision(quick)


def machine(device: torch.device) -> str:
    """What computes there, for people."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU, no GPU"


# Training


def train(
    fit: Callable[..., Any],
    net: nn.Module,
    train_loader: Any,
    test_loader: Any,
    epochs: int,
    learning_rate: float,
    device: torch.device,
    checkpoint: Checkpoint | None = None,
    beside: Sequence[str] = (),
) -> History:
    """Train by the student's `fit`, and print each epoch's figures.

    Args:
        checkpoint: call `fit` for one epoch at a time and write the training down after each. None:
            call it once.
        beside: for each epoch, something to print beside its accuracy.

    Raises:
        ValueError: `fit` returned something else than one loss and one accuracy an epoch.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    history = (checkpoint and checkpoint.load(device)) or {curve: [] for curve in CURVES}
    done = len(history["train_loss"])
    if checkpoint and done:
        print(f"from {checkpoint.path}; delete it to train anew:")
        _tell(history, 0, beside)
        if done >= epochs:
            return history
    while done < epochs:
        count = 1 if checkpoint else epochs
        began_s = time.perf_counter()
        with checkpoint.carry_optimizer() if checkpoint else nullcontext():
            part = fit(net, train_loader, test_loader, count, learning_rate, device)
        if not _is_history(part, count):
            raise ValueError(
                f"fit was called with epochs={count}, and should return a dict of two lists with one "
                f"loss and one accuracy an epoch; it returned {part!r}. Does it pass its check above?"
            )
        for curve in CURVES:
            history[curve] += [float(value) for value in part[curve]]
        _tell(history, done, beside, f", {(time.perf_counter() - began_s) / count:.1f} s")
        done += count
        if checkpoint:
            checkpoint.save(history, device)
    peak = ""
    if device.type == "cuda":
        gib = torch.cuda.max_memory_allocated(device) / 2**30
        peak = f"; at most {gib:.1f} GiB of the GPU's memory"
    print(f"trained on {machine(device)}, torch {torch.__version__}{peak}")
    return history


def _is_history(part: Any, epochs: int) -> bool:
    return isinstance(part, dict) and all(
        isinstance(part.get(curve), list)
        and len(part[curve]) == epochs
        and all(isinstance(value, int | float) for value in part[curve])
        for curve in CURVES
    )


def _tell(history: History, first: int, beside: Sequence[str], time_each: str = "") -> None:
    for i in range(first, len(history["train_loss"])):
        loss, accuracy = (history[curve][i] for curve in CURVES)
        note = f" ({beside[i]})" if i < len(beside) else ""
        figures = f"loss {loss:.3f} per image, test accuracy {accuracy:.1%}"
        print(f"epoch {i + 1}: {figures}{note}{time_each}")


class Checkpoint:
    """A training in a file: network, optimizer, history, random numbers, and what else is to be kept.

    `train` calls `fit` for one epoch at a time, and each call makes a new optimizer. Before its first
    step it is handed what the last one knew (Adam's running means), by torch's hook for all optimizers.
    So the steps are those of one call for all epochs.

    Attributes:
        kept: small tensors that belong to the run, such as the first kernels at its start; after a
            `load` those of the file.
        optimizer: what the last optimizer knew, by the parameter's name and the key: for Adam
            `weight.step`, `weight.exp_avg` and `weight.exp_avg_sq`.
    """

    _FORM = "training 1"

    def __init__(
        self,
        path: StrPath,
        net: nn.Module,
        about: Mapping[str, object],
        functions: Sequence[Callable[..., Any]] = (),
        kept: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Name a training.

        Args:
            net: the network itself, not a wrapped one.
            about: what must be equal for the training to go on: network, learning rate, ….
            functions: the student's; where their text has changed the training starts anew.
        """
        self.path, self.net, self.kept = Path(path), net, dict(kept or {})
        self.optimizer: dict[str, Tensor] = {}
        self._optimizer_kind = ""
        self._about = {key: str(value) for key, value in about.items()}
        if functions:
            self._about["functions"] = _digest(functions)

    @contextmanager
    def carry_optimizer(self) -> Iterator[None]:
        """For one call of `fit`: its new optimizer starts with what the last one knew."""
        names = {id(parameter): name for name, parameter in self.net.named_parameters()}
        met: list[Optimizer] = []

        def known_parameters(optimizer: Optimizer) -> list[tuple[str, Tensor, Any]]:
            pairs = [(p, group) for group in optimizer.param_groups for p in group["params"]]
            return [(f"{names[id(p)]}.", p, group) for p, group in pairs if id(p) in names]

        def before_step(optimizer: Optimizer, _args: Any, _kwargs: Any) -> None:
            if optimizer in met or not known_parameters(optimizer):
                return
            met.append(optimizer)
            if type(optimizer).__name__ == self._optimizer_kind:
                for name, parameter, group in known_parameters(optimizer):
                    if values := _part(self.optimizer, name):
                        optimizer.state[parameter] = _placed(values, parameter, group)

        handle = register_optimizer_step_pre_hook(before_step)
        try:
            yield
        finally:
            handle.remove()
        self.optimizer, self._optimizer_kind = {}, ""
        for optimizer in met[-1:]:
            self._optimizer_kind = type(optimizer).__name__
            for name, parameter, _ in known_parameters(optimizer):
                values = optimizer.state.get(parameter, {})
                if all(map(torch.is_tensor, values.values())):
                    self.optimizer |= {name + key: value for key, value in values.items()}

    def load(self, device: torch.device) -> History | None:
        """Put the training back as it was; None where there is nothing to go on from.

        A file that does not fit is put aside as `<path>.old`, and a line says why.
        """
        if safetensors is None or not self.path.exists():
            return None
        try:
            return self._load(device)
        except Exception as error:  # a damaged file can raise anything
            reason = str(error).strip("'\"").partition("\n")[0] or type(error).__name__
        old = self.path.with_name(f"{self.path.name}.old")
        try:
            self.path.replace(old)
            fate = f", and the file is kept as {old.name}"
        except OSError:
            fate = ""
        print(f"{self.path} does not fit ({reason}): training starts anew{fate}")
        return None

    def _load(self, device: torch.device) -> History:
        tensors, metadata = _read(self.path)
        if metadata.get("form") != self._FORM:
            raise ValueError("it is no checkpoint of this notebook")
        about, history = json.loads(metadata["about"]), json.loads(metadata["history"])
        for key, mine in self._about.items():
            if about.get(key) != mine:
                other = f"it is for {key} {about.get(key)}, not {mine}"
                raise ValueError(
                    "your functions have changed since" if key == "functions" else other
                )
        if not _is_history(history, len(history["train_loss"])):
            raise ValueError("its history is damaged")
        net, optimizer = _part(tensors, "net."), _part(tensors, "optimizer.")
        now = self.net.state_dict()
        if {n: t.shape for n, t in now.items()} != {n: t.shape for n, t in net.items()}:
            raise ValueError("its network has other layers")
        if any(t.ndim and t.shape != now[n.rpartition(".")[0]].shape for n, t in optimizer.items()):
            raise ValueError("its optimizer is for other layers")
        # From here on nothing can fail, but for the random numbers, which refuse before they change.
        torch.set_rng_state(tensors["random.cpu"])
        if device.type == "cuda" and "random.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random.cuda"], device)
        self.net.load_state_dict(net)
        self.optimizer, self._optimizer_kind = optimizer, metadata.get("optimizer", "")
        self.kept = _part(tensors, "kept.")
        return {curve: history[curve] for curve in CURVES}

    def save(self, history: History, device: torch.device) -> None:
        """Write the training as it is now; where that cannot be done, say so and go on."""
        tensors = {"random.cpu": torch.get_rng_state()}
        if device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(device)
        parts = {"net": self.net.state_dict(), "optimizer": self.optimizer, "kept": self.kept}
        for part, named in parts.items():
            tensors |= {f"{part}.{name}": tensor for name, tensor in named.items()}
        about = {"about": json.dumps(self._about), "history": json.dumps(history)}
        about |= {"form": self._FORM, "optimizer": self._optimizer_kind}
        epoch = len(history["train_loss"])
        if not self.optimizer and epoch == 1:
            print("the checkpoint is without the optimizer's state, which was not found")
        if problem := _write(self.path, tensors, about):
            print(f"no checkpoint of epoch {epoch}: {problem}")


def _placed(known: Mapping[str, Tensor], parameter: Tensor, group: Any) -> dict[str, Tensor]:
    """A parameter's state where its optimizer wants it: beside the parameter, laid out like it."""

    def place(value: Tensor) -> Tensor:
        if value.shape == parameter.shape and value.ndim:
            same = value.device == parameter.device and value.stride() == parameter.stride()
            return value if same else torch.empty_like(parameter).copy_(value)
        counts_there = group.get("fused") or group.get("capturable")  # else Adam counts on the CPU
        return value.to(parameter.device if counts_there else "cpu")

    return {key: place(value) for key, value in known.items()}


def _digest(functions: Sequence[Callable[..., Any]]) -> str:
    try:
        text = "\n".join(inspect.getsource(function) for function in functions)
    except (OSError, TypeError):  # not written in a cell or file
        return "unknown"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# Files


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin so, by the rest of their names."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _write(path: StrPath, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> str:
    """Write a safetensors file whole or not at all; returns what went wrong, or nothing."""
    if safetensors is None:
        return "that needs `pip install safetensors`"
    fresh = Path(f"{path}.new")
    try:
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        safetensors.torch.save_file(plain, str(fresh), metadata)
        fresh.replace(path)
    except Exception as error:  # a full disk is an OSError or a SafetensorError
        fresh.unlink(missing_ok=True)
        return str(error) or type(error).__name__
    return ""


def _read(path: StrPath) -> tuple[dict[str, Tensor], dict[str, str]]:
    """A safetensors file's tensors and metadata; raises anything where it is damaged."""
    if safetensors is None:
        raise ValueError("that needs `pip install safetensors`")
    with safetensors.safe_open(str(path), framework="pt") as file:
        return {n: file.get_tensor(n) for n in file.keys()}, file.metadata() or {}  # noqa: SIM118


@dataclass(frozen=True)
class Kernels:
    """The first two convolutions' weights before and after a training, and whose they are."""

    before: dict[str, Tensor]  # "conv1" (n, 3, k, k), "conv2" (m, n, l, l)
    after: dict[str, Tensor]
    said: str = "the training in notebook 3"  # what lies between, for people
    history: History | None = None

    @property
    def of_vgg(self) -> bool:
        """Whether they have the shapes of a VGG's, which notebook 4 is about."""
        shapes = [tuple(self.after[name].shape) for name in ("conv1", "conv2")]
        return shapes == [(64, 3, 3, 3), (64, 64, 3, 3)]


def first_kernels(net: nn.Module) -> dict[str, Tensor]:
    """The first two convolutions' weights as they are now, wherever in the network they are."""
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)][:2]
    return {f"conv{i}": copy.deepcopy(layer).cpu().weight.data for i, layer in enumerate(layers, 1)}


def write_kernels(path: StrPath, kernels: Kernels) -> None:
    """Write kernels to a file; where that cannot be done, say so."""
    tensors = {f"before.{name}": weight for name, weight in kernels.before.items()}
    tensors |= {f"after.{name}": weight for name, weight in kernels.after.items()}
    metadata = {"said": kernels.said, "history": json.dumps(kernels.history)}
    problem = _write(path, tensors, metadata)
    print(f"kernels not written: {problem}" if problem else f"kernels before and after: {path}")


def read_kernels(path: StrPath) -> Kernels | None:
    """Read them again; None, and a line that says why, where the file cannot be used."""
    if not Path(path).exists():
        return None
    try:
        tensors, metadata = _read(path)
        before, after = _part(tensors, "before."), _part(tensors, "after.")
        for name in ("conv1", "conv2"):
            old, new = before[name], after[name]
            if old.shape != new.shape or old.ndim != 4 or not new.isfinite().all():
                raise ValueError(f"{name} is no convolution's weight before and after")
        history = json.loads(metadata.get("history", "null"))
        if not (history and _is_history(history, len(history["train_loss"]))):
            history = None
        return Kernels(before, after, metadata.get("said", Kernels.said), history)
    except Exception as error:  # a damaged file can raise anything
        print(f"{path} cannot be used ({error})")
        return None


def write_weights(path: StrPath, net: nn.Module) -> None:
    """Write a network's weights as float16, to hand them in; where that cannot be done, say so."""
    problem = _write(path, {name: t.half() for name, t in net.state_dict().items()}, {})
    print(f"weights not written: {problem}" if problem else f"weights: {path}, {_size(path)}")


def check_weights(path: StrPath, build: Callable[[], nn.Module]) -> None:
    """Say whether a file of weights is there, and whether a network has its tensors' names and shapes."""
    if not Path(path).exists():
        print(f"there is no {path}; the training at full size writes it")
        return
    with torch.device("meta"):  # shapes without numbers
        wanted = build().state_dict()
    try:
        given, _ = _read(path)
    except Exception as error:  # a damaged file can raise anything
        print(f"{path} cannot be read ({error})")
        return
    odd = [name for name in wanted if name not in given or given[name].shape != wanted[name].shape]
    odd += [name for name in given if name not in wanted]
    floats = (torch.float32, torch.float16, torch.bfloat16)
    odd += [name for name, tensor in given.items() if tensor.dtype not in floats]
    fits = f"fits, {len(given)} tensors, {_size(path)}"
    print(f"{path} does not fit: {odd[0]}" if odd else f"{path} {fits}")


def _size(path: StrPath) -> str:
    return f"{Path(path).stat().st_size / 1e6:.0f} MB"
