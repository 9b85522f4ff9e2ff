"""The lecture's training at full size: python -m tests.benchmarks.full_size --cifar10 FOLDER [--json FILE]

Needs a GPU. Trains VGG16 from scratch, without batch normalisation, for five epochs of CIFAR-10 at 224×224
in batches of 64 with Adam at 1e-4, twice, through the same functions that students write (here the
reference's `fit`, unchanged; the loader and the wrapped network are those of notebook 3):

plain   as in the lecture: each image resized on the CPU as it is read, one process, float32, torch's
        defaults (so convolutions multiply in TF32); the CPU bounds it, and `--plain-epochs 1` is enough
        to see by how much
tuned   the images decoded once and kept on the GPU as bytes, enlarged there batch by batch,
        channels_last, bfloat16 by autocast, cuDNN's search for the quickest algorithm; with `--compile`
        also torch.compile

and prints for each: seconds an epoch, images a second, the share of the matrix rate, peak memory, and the
accuracy after each epoch. `--learning-rate 1e-3` shows the rate at which such a network usually does not
learn.

The share. What an image costs is counted, not looked up: the multiplications of the convolutions and linear
layers, from their shapes (VGG16 at 224×224: 15.47 billion, with 1000 classes as with ten). Backward takes
two products of the same size for each forward one, with respect to the weights and to the inputs; the
first layer's inputs need none. A multiplication with its addition is two operations. That is set against
the rate of one large matrix product, measured in the same run in the precision that the convolutions use.
Optimizer, pooling, ReLU and resizing count as time, and not as work.

Without a GPU nothing is measured: exit code 2. `--smoke` runs the same code on the CPU with 16 drawn images
and prints no figure.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models

from autograder.data import Images, load_images
from autograder.data.training_tools import OnDevice, quicker
from autograder.graders.vgg16 import reference

SIDE, BATCH_SIZE, EPOCHS, LEARNING_RATE = 224, 64, 5, 1e-4
SEED = 34
LECTURE = (0.56, 0.71, 0.77, 0.79, 0.80)  # "nearly 80 %" at the end; 15 to 17 minutes an epoch
NETWORKS = {"vgg16": models.vgg16, "vgg19": models.vgg19, "alexnet": models.alexnet}


class Timed:
    """A loader that notes how long each pass over it takes, with what is done to its batches.

    Where it has a name it also says so, for a run may be cut off before its figures are printed.
    """

    def __init__(
        self, loader: Iterable[tuple[Tensor, Tensor]], device: torch.device, name: str
    ) -> None:
        self._loader, self._device, self._name = loader, device, name
        self.passes_s: list[float] = []

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        began_s = now(self._device)
        yield from self._loader
        self.passes_s.append(now(self._device) - began_s)
        if self._name:
            text = f"{self._name}, pass {len(self.passes_s)}: {self.passes_s[-1]:.1f} s"
            print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Run:
    """One training: figures for each epoch, and of the whole."""

    how: str
    images: int
    train_s: list[float]
    validate_s: list[float]
    train_loss: list[float]
    test_accuracy: list[float]
    peak_mib: float  # that torch held on the GPU

    @property
    def images_per_s(self) -> float:
        """Of the quickest epoch after the first, in which cuDNN searches and memory is taken."""
        return self.images / min(self.train_s[1:] or self.train_s)


def now(device: torch.device) -> float:
    """Seconds on a clock, once the device has done what it was told to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def operations(net: nn.Module, side: int) -> tuple[int, int]:
    """What one image costs: multiplications forward, and floating-point operations of a training step.

    Args:
        net: takes images (B, 3, side, side); on torch's device `meta`, where nothing is computed.
    """
    counts: list[int] = []

    def count(layer: nn.Module, _inputs: Any, output: Tensor) -> None:
        weight = layer.weight
        assert isinstance(weight, Tensor)
        each = weight[0].numel()  # multiplications behind one number of the output
        counts.append(output[0].numel() * each)

    layers = [part for part in net.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    net(torch.empty(1, 3, side, side, device="meta"))
    for handle in handles:
        handle.remove()
    return sum(counts), 2 * (3 * sum(counts) - counts[0])


def matrix_rate(device: torch.device, dtype: torch.dtype, side: int) -> float:
    """Operations a second of a product of two matrices (side, side): the best of five rounds."""
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")  # float32 in TF32, as in convolutions
    try:
        rounds = []
        for _ in range(6):
            began_s = now(device)
            for _ in range(10):
                left @ right
            rounds.append(now(device) - began_s)
    finally:
        torch.set_float32_matmul_precision(before)
    return 10 * 2 * side**3 / min(rounds[1:])


def build(name: str, smoke: bool) -> Any:
    """The network as torchvision makes it, untrained, with ten answers."""
    net = NETWORKS[name](weights=None)
    if smoke:  # one fiftieth of the first linear layer: the rest is the same
        net.avgpool = nn.AdaptiveAvgPool2d(1)
        net.classifier[0] = nn.Linear(512, 4096)
    return reference.swap_head(net)


def train(
    how: str,
    net: nn.Module,
    loaders: Sequence[Iterable[Any]],
    images: int,
    args: argparse.Namespace,
) -> Run:
    """Train and validate by the reference's `fit`."""
    device = reference.pick_device() if not args.smoke else torch.device("cpu")
    names = ("", "") if args.smoke else (f"{how} training", f"{how} validation")
    timed = [Timed(loader, device, name) for loader, name in zip(loaders, names, strict=True)]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    epochs = args.plain_epochs if how == "plain" else args.epochs
    history = reference.fit(net, timed[0], timed[1], epochs, args.learning_rate, device)
    peak = torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else 0.0
    loss, accuracy = history["train_loss"], history["test_accuracy"]
    return Run(how, images, timed[0].passes_s, timed[1].passes_s, loss, accuracy, peak)


def plain(train_set: Images, test_set: Images, args: argparse.Namespace) -> Run:
    """The lecture's way."""
    torch.manual_seed(SEED)
    torch.backends.cudnn.benchmark = False
    for images in (train_set, test_set):
        images.transform = reference.make_transform(args.side)
    loaders = reference.make_loaders(train_set, test_set, args.batch_size)
    return train("plain", build(args.network, args.smoke), loaders, len(train_set), args)


def tuned(train_set: Images, test_set: Images, args: argparse.Namespace) -> Run:
    """The same around the same functions, as quick as this GPU allows without changing them."""
    torch.manual_seed(SEED)
    torch.backends.cudnn.benchmark = True
    device = reference.pick_device() if not args.smoke else torch.device("cpu")
    net = build(args.network, args.smoke)
    net = quicker(net, device, channels_last=True, mixed_precision=True, compiled=args.compile)
    loaders = [
        OnDevice(images, args.batch_size, device, args.side, shuffle)
        for images, shuffle in ((train_set, True), (test_set, False))
    ]
    return train("tuned", net, loaders, len(train_set), args)


def report(run: Run, per_image: int, rate: float, precision: str) -> list[str]:
    """The figures of a run, as lines."""
    share = run.images_per_s * per_image / rate
    lines = [
        f"{run.how}: {run.images_per_s:,.0f} images/s, {share:.0%} of the {precision} matrix rate, "
        f"{run.peak_mib / 1024:.1f} GiB at most"
    ]
    figures = zip(run.train_s, run.validate_s, run.train_loss, run.test_accuracy, strict=True)
    for epoch, (train_s, validate_s, loss, accuracy) in enumerate(figures):
        lecture = f"{LECTURE[epoch]:.0%}" if epoch < len(LECTURE) else "–"
        lines.append(
            f"  epoch {epoch + 1}: {train_s:7.1f} s and {validate_s:5.1f} s to validate, "
            f"loss {loss:.3f}, accuracy {accuracy:6.2%} (the lecture: {lecture})"
        )
    return lines


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="full_size", description=(__doc__ or "").splitlines()[0])
    made.add_argument("--cifar10", type=Path, metavar="FOLDER", help="CIFAR-10 in its own format.")
    made.add_argument("--network", choices=NETWORKS, default="vgg16")
    made.add_argument(
        "--epochs", type=int, default=EPOCHS, help="Of the tuned run; 0 leaves it out."
    )
    made.add_argument(
        "--plain-epochs", type=int, default=EPOCHS, help="Of the plain run; 0 likewise."
    )
    made.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    made.add_argument("--compile", action="store_true", help="torch.compile in the tuned run.")
    made.add_argument("--json", type=Path, metavar="FILE", help="Also write the figures to a file.")
    made.add_argument(
        "--smoke", action="store_true", help="On the CPU, 16 images: measures nothing."
    )
    return made


def smoke(args: argparse.Namespace) -> int:
    """Every step of the measurement on the CPU; no figure of it means anything, so none is shown."""
    args.side, args.batch_size, args.epochs, args.plain_epochs = 32, 12, 1, 1
    args.network = "vgg16"
    matrix_rate(torch.device("cpu"), torch.bfloat16, 16)
    for kind in (plain, tuned):
        train_set, test_set = (load_images(train=part, limit=16) for part in (True, False))
        run = kind(train_set, test_set, args)
        report(run, 1, 1.0, "")
        loss = "there" if run.train_loss[0] > 0 and run.train_s else "missing"
        print(f"smoke: {run.how} ran through; its loss is {loss}")
    print("smoke: on the CPU, with 16 images of 32×32. Nothing was measured.")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    if args.smoke:
        return smoke(args)
    if not torch.cuda.is_available():
        print("There is no GPU here that torch can use: nothing was measured.", file=sys.stderr)
        return 2
    if args.cifar10 is None:
        print("Name a folder with the real CIFAR-10: --cifar10 FOLDER.", file=sys.stderr)
        return 2
    args.side, args.batch_size = SIDE, BATCH_SIZE
    device = torch.device("cuda")
    with torch.device("meta"):
        forward, step = operations(build(args.network, False), SIDE)
    rates = {
        name: matrix_rate(device, dtype, 8192)
        for name, dtype in (("bf16", torch.bfloat16), ("TF32", torch.float32))
    }
    print(
        f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}, CUDA {torch.version.cuda}\n"
        f"{args.network} at {SIDE}: {forward / 1e9:.2f} billion multiplications forward, "
        f"{step / 1e9:.1f} billion operations a training image\n"
        f"a matrix product of 8192: {rates['bf16'] / 1e12:.0f} TFLOP/s in bf16, "
        f"{rates['TF32'] / 1e12:.0f} in TF32",
        flush=True,
    )
    runs = []
    for kind, precision, epochs in (
        (tuned, "bf16", args.epochs),
        (plain, "TF32", args.plain_epochs),
    ):
        if epochs:
            train_set, test_set = (load_images(args.cifar10, train=part) for part in (True, False))
            print(f"{len(train_set):,} and {len(test_set):,} images: {train_set.source}")
            runs.append(kind(train_set, test_set, args))
            print(*report(runs[-1], step, rates[precision], precision), sep="\n", flush=True)
    if args.json is not None:
        about = {"device": torch.cuda.get_device_name(device), "torch": torch.__version__}
        asked = {name: str(value) for name, value in vars(args).items()}
        found = {**about, "asked": asked, "operations_per_image": step, "matrix_rates": rates}
        args.json.write_text(json.dumps({**found, "runs": [asdict(run) for run in runs]}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
