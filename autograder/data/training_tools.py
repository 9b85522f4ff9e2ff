"""What stands around the students' training functions at full size: speed, and a way back.

    train_loader = OnDevice(images, 64, device, side=224, shuffle=True)
    quick = quicker(net, device, mixed_precision=True)
    history = train(fit, quick, train_loader, test_loader, 5, 1e-4, device, checkpoint)

The functions that students write know of none of this. Files are safetensors, which can run nothing.
This file needs nothing of the autograder: it travels beside the notebooks.
"""

from __future__ import annotations

import copy
import inspect
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

History = dict[str, list[float]]  # "train_loss" and "test_accuracy", one number an epoch


@dataclass
class OnDevice:
    """A loader of images that lie on the device as bytes and are enlarged there, batch by batch.

    CIFAR-10's training images are 150 MB as bytes, but 30 GB as floats of 224×224. Batches are
    images float32 `(B, 3, side, side)` in [0, 1] and labels int64 `(B,)`, on the device.
    """

    dataset: Any  # what `load_images` returns
    batch_size: int  # the last batch may be smaller
    device: torch.device
    side: int | None = None  # pixels, by bilinear interpolation; None leaves the images as they are
    shuffle: bool = False  # a new random order for each pass, from torch's numbers on the CPU
    progress: bool = False  # show how far each pass has come

    def __post_init__(self) -> None:
        pixels = torch.from_numpy(self.dataset.data).permute(0, 3, 1, 2)
        self._pixels = pixels.contiguous().to(self.device)
        self._labels = torch.tensor(self.dataset.targets, device=self.device)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        count = len(self._labels)
        order = torch.randperm(count) if self.shuffle else torch.arange(count)
        batches: Any = torch.split(order.to(self.device), self.batch_size)
        if self.progress:
            from tqdm import tqdm

            batches = tqdm(batches, unit="batch", leave=False, file=sys.stdout, mininterval=1)
        for rows in batches:
            pixels = self._pixels[rows].float() / 255
            if self.side is not None:
                pixels = F.interpolate(pixels, size=(self.side, self.side), mode="bilinear")
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
            return self.net(images).float()


def quicker(
    net: nn.Module,
    device: torch.device,
    *,
    channels_last: bool = False,  # a pixel's channels side by side, as tensor cores read them
    mixed_precision: bool = False,  # bfloat16, which GPUs before Ampere (T4, V100) do without
    compiled: bool = False,  # by torch.compile; the first batches take a minute longer
) -> Any:
    """The network on its device, quicker, with the same parameters (the same objects)."""
    net.to(device)
    if channels_last:
        net.to(memory_format=torch.channels_last)
    quick: Any = torch.compile(net) if compiled else net
    old = device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0)
    if mixed_precision and old:
        print("this GPU has no bfloat16 in hardware, so it stays with float32")
    return MixedPrecision(quick) if mixed_precision and not old else quick


def train(
    fit: Callable[..., Any],
    net: nn.Module,
    train_loader: Any,
    test_loader: Any,
    epochs: int,
    learning_rate: float,
    device: torch.device,
    checkpoint: Checkpoint | None = None,
    beside: Sequence[str] = (),  # for each epoch, something to print beside its accuracy
) -> History:
    """Train by the student's `fit`, and print each epoch's figures.

    `fit` is called once; with a checkpoint for one epoch at a time, to write each down.

    Raises:
        ValueError: `fit` returned something else than one loss and one accuracy an epoch.
    """
    history: History = {"train_loss": [], "test_accuracy": []}

    def tell(first: int, seconds: str = "") -> None:
        for i, (loss, accuracy) in enumerate(zip(*history.values(), strict=True)):
            if i >= first:
                note = f" ({beside[i]})" if i < len(beside) else ""
                figures = f"loss {loss:.3f} per image, test accuracy {accuracy:.1%}{note}{seconds}"
                print(f"epoch {i + 1}: {figures}")

    if checkpoint and (known := checkpoint.load(device)):
        history = known
        print(f"from {checkpoint.path}; delete it to train anew:")
        tell(0)
        if len(history["train_loss"]) >= epochs:
            return history
    where, peak = "the CPU, no GPU", ""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    while (done := len(history["train_loss"])) < epochs:
        count = 1 if checkpoint else epochs
        began_s = time.perf_counter()
        arguments = net, train_loader, test_loader, count, learning_rate, device
        part = checkpoint.call(fit, *arguments) if checkpoint else fit(*arguments)
        curves = [part.get(name) for name in history] if isinstance(part, dict) else [None]
        if not all(isinstance(curve, list) and len(curve) == count for curve in curves):
            raise ValueError(
                f"fit was called with epochs={count}, and should return a dict of two lists with "
                f"one loss and one accuracy an epoch, not {part!r}. Does it pass its check above?"
            )
        for name, values in history.items():
            values += map(float, part[name])
        tell(done, f", {(time.perf_counter() - began_s) / count:.1f} s")
        if checkpoint:
            checkpoint.save(history, device)
    if device.type == "cuda":
        where = torch.cuda.get_device_name(device)
        peak = f"; at most {torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB of its memory"
    print(f"trained on {where}, torch {torch.__version__}{peak}")
    return history


@dataclass
class Checkpoint:
    """A training in a file: network, optimizer, history, random numbers, and what else is kept.

    Each call of `fit` makes a new optimizer. Before its first step it is handed what the last one
    knew (Adam's running means), so that the steps are those of one call for all epochs.
    """

    file: str | Path
    net: nn.Module  # itself, not wrapped
    about: Mapping[str, object]  # what must be equal for the training to go on
    functions: Sequence[Callable[..., Any]] = ()  # the student's, whose text must be equal, too
    kept: Mapping[str, Tensor] = field(default_factory=dict)  # small, and of its start
    _optimizer: str = ""  # the last one's kind
    _state: dict[str, Tensor] = field(default_factory=dict)  # by the parameter's number and the key

    def __post_init__(self) -> None:
        self.path = Path(self.file)
        self._about = {key: str(value) for key, value in self.about.items()}
        self._about["layers"] = str([(n, [*t.shape]) for n, t in self.net.state_dict().items()])
        with suppress(OSError, TypeError):  # not written in a cell or file
            self._about["functions"] = "\n".join(map(inspect.getsource, self.functions))

    def call(self, fit: Callable[..., Any], *arguments: Any) -> Any:
        """Call `fit`, whose optimizer starts with what the last one knew."""
        met: list[Optimizer] = []

        def before_step(optimizer: Optimizer, _args: Any, _kwargs: Any) -> None:
            if met:
                return
            met.append(optimizer)
            if type(optimizer).__name__ == self._optimizer:
                groups = optimizer.state_dict()["param_groups"]
                state = {n: _part(self._state, str(n)) for group in groups for n in group["params"]}
                optimizer.load_state_dict({"state": state, "param_groups": groups})

        with register_optimizer_step_pre_hook(before_step):
            result = fit(*arguments)
        for optimizer in met:
            self._optimizer = type(optimizer).__name__
            state = optimizer.state_dict()["state"]
            self._state = _flat({str(number): values for number, values in state.items()})
        return result

    def load(self, device: torch.device) -> History | None:
        """Put the training back as it was; None, and the file aside, where it does not fit."""
        if not self.path.exists():
            return None
        try:
            about, tensors = _read(self.path)
            for key, mine in self._about.items():
                if about.get(key) != mine:
                    raise ValueError(f"other {key} than now")
            # The random numbers refuse before they change; nothing behind them fails.
            torch.set_rng_state(tensors["random.cpu"])
            if device.type == "cuda":
                torch.cuda.set_rng_state(tensors["random.cuda"], device)
        except Exception as error:  # a damaged file can raise anything
            old = Path(f"{self.path}.old")
            print(f"{self.path} does not fit ({error}): ", end="")
            print(f"training starts anew, and the file is kept as {old.name}")
            with suppress(OSError):
                self.path.replace(old)
            return None
        self.net.load_state_dict(_part(tensors, "net"))
        self._optimizer, self._state = about["optimizer"], _part(tensors, "optimizer")
        self.kept = _part(tensors, "kept")
        return dict(about["history"])

    def save(self, history: History, device: torch.device) -> None:
        """Write the training as it is now; where that cannot be done, say so and go on."""
        random = {"cpu": torch.get_rng_state()}
        if device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(device)
        parts = {"net": self.net.state_dict(), "kept": self.kept, "optimizer": self._state}
        tensors = _flat({**parts, "random": random})
        about = {**self._about, "history": history, "optimizer": self._optimizer}
        _write(f"checkpoint of epoch {len(history['train_loss'])}", self.path, tensors, about)


@dataclass
class Kernels:
    """The first two convolutions' weights before and after a training, and whose they are."""

    before: dict[str, Tensor]  # "conv1" (n, 3, k, k), "conv2" (m, n, l, l)
    after: dict[str, Tensor]
    said: str  # what lies between, for people
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


def write_kernels(path: str | Path, kernels: Kernels) -> None:
    """Write kernels to a file; where that cannot be done, say so."""
    about = {"said": kernels.said, "history": kernels.history}
    tensors = _flat({"before": kernels.before, "after": kernels.after})
    if _write("file of kernels", path, tensors, about):
        print(f"kernels before and after: {path}")


def read_kernels(path: str | Path) -> Kernels | None:
    """Read them again; None, and a line that says why, where the file cannot be used."""
    if not Path(path).exists():
        return None
    try:
        about, tensors = _read(path)
        if not all(tensor.isfinite().all() for tensor in tensors.values()):
            raise ValueError("not all of its numbers are finite")
        return Kernels(_part(tensors, "before"), _part(tensors, "after"), **about)
    except Exception as error:  # a damaged file can raise anything
        print(f"{path} cannot be used ({error})")
        return None


def write_weights(path: str | Path, net: nn.Module) -> None:
    """Write a network's weights as float16, to hand them in; where that cannot be done, say so."""
    if _write("file of weights", path, {n: t.half() for n, t in net.state_dict().items()}):
        print(f"weights: {path}, {Path(path).stat().st_size / 1e6:.0f} MB")


def check_weights(path: str | Path, build: Callable[[], nn.Module]) -> None:
    """Say whether a file of weights is there, and has the names and shapes of a network's."""
    if not Path(path).exists():
        print(f"there is no {path}; the training at full size writes it")
        return
    with torch.device("meta"):  # shapes without numbers
        net = build()
    try:
        net.load_state_dict(_read(path)[1], assign=True)
    except Exception as error:  # a damaged file can raise anything
        print(f"{path} does not fit: {error}")
    else:
        print(f"{path} fits, {Path(path).stat().st_size / 1e6:.0f} MB")


# Files


def _flat(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {f"{part}.{name}": t for part, named in parts.items() for name, t in named.items()}


def _part(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    start = f"{part}."
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}


def _write(what: str, path: str | Path, tensors: Mapping[str, Tensor], about: Any = None) -> bool:
    """Write a safetensors file whole or not at all; where that cannot be done, say so."""
    fresh = Path(f"{path}.new")
    try:
        from safetensors.torch import save_file

        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(plain, fresh, {"about": json.dumps(about)} if about else None)
        fresh.replace(path)
        return True
    except Exception as error:  # a full disk is an OSError or a SafetensorError
        fresh.unlink(missing_ok=True)
        print(f"no {what}: {error or type(error).__name__}")
        return False


def _read(path: str | Path) -> tuple[Any, dict[str, Tensor]]:
    """What a safetensors file is about, and its tensors; raises anything where it is damaged."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        about = json.loads((file.metadata() or {}).get("about", "{}"))
        return about, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
