"""The course's images: one way to load them, whatever is on the machine.

    train = load_images(train=True)                         # drawn by this file, no download
    train = load_images("data", train=True, download=True)  # CIFAR-10, 163 MiB, once
    train = load_images("my/folder", train=True)            # a course's own: train.npz, test.npz

All are 32x32 RGB in the same arrays. The drawn images are the same, bit for bit, on every machine:
PCG64's raw words, which NumPy promises never to change, and float32 with `+ - * / sqrt`, rounding and
comparison alone, which IEEE 754 fixes to the last bit, as it does not sines, sums and matrix products.
This file needs nothing of the autograder: it travels beside the notebooks, and holds no secret.
"""

from __future__ import annotations

import functools
import inspect
import io
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN_CLASSES = (
    *("disc", "ring", "square", "triangle", "star"),
    *("cross", "moon", "stripes", "checks", "dots"),
)

SIDE = 32  # pixels
DRAWN_TRAIN = (2000, 34)  # images, public seed
DRAWN_TEST = (500, 35)

Pixels = npt.NDArray[np.uint8]  # (n, 32, 32, 3)
Labels = npt.NDArray[np.int64]  # (n,)
_Words = np.random.PCG64


@dataclass(eq=False, repr=False)
class Images(Dataset[tuple[Any, int]]):
    """Labelled 32x32 colour images, as torchvision's data sets hold them.

    Raises:
        ValueError: the arrays have other shapes or types, or do not fit together.
    """

    data: Pixels  # (n, 32, 32, 3), RGB
    targets: list[int]  # n class numbers
    classes: Sequence[str]  # `classes[targets[i]]` names image `i`
    source: str  # where the images come from, in a few words for people
    transform: Callable[[Image.Image], Any] | None = None  # of each PIL image on its way out

    def __post_init__(self) -> None:
        labels, self.classes = np.asarray(self.targets), list(self.classes)
        count = len(self.classes)
        if self.data.dtype != np.uint8 or self.data.shape[1:] != (SIDE, SIDE, 3):
            raise ValueError(
                f"images should be uint8 (n, {SIDE}, {SIDE}, 3), not {self.data.dtype} "
                f"{self.data.shape}. Resize and convert them first."
            )
        if not all(isinstance(name, str) for name in self.classes):
            raise ValueError(f"classes should be names, not {self.classes[:3]}.")
        odd = labels.size and labels.dtype.kind not in "iu"
        if odd or labels.shape != (len(self.data),) or not set(self.targets) <= set(range(count)):
            raise ValueError(
                f"labels should be {len(self.data)} whole numbers from 0 to {count - 1}, one for "
                "each image, and each with a name in classes."
            )

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = Image.fromarray(self.data[index])
        return (image if self.transform is None else self.transform(image)), self.targets[index]

    def __len__(self) -> int:
        return len(self.targets)

    def __repr__(self) -> str:
        return f"<{len(self)} images of {len(self.classes)} classes: {self.source}>"


def load_images(
    root: str | os.PathLike[str] | None = None,
    *,
    train: bool,
    transform: Callable[[Image.Image], Any] | None = None,
    download: bool = False,
    limit: int | None = None,
) -> Images:
    """The training or the test images, the first `limit` of them.

    Args:
        root: a folder with `train.npz` and `test.npz`, or one that is, or contains, CIFAR-10's
            official `cifar-10-batches-py`. None: the folder in the environment variable
            COURSE_DATA, and where that is not set the drawn images (2000 and 500).
        transform: called with each PIL image when it is taken out.
        download: fetch CIFAR-10 into `root` if nothing is there; what is there stays as it is.

    Raises:
        OSError: a folder or file is missing, or the download failed.
        ValueError: a file is damaged, or is not what it should be.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"load_images: limit should be None or at least 1, not {limit}.")
    root = root or os.environ.get("COURSE_DATA")
    if not root and download:
        raise ValueError('load_images: download=True needs a folder; try load_images("data", …).')
    if not root:
        drawn, labels = draw_images(*(DRAWN_TRAIN if train else DRAWN_TEST), limit)
        images = Images(drawn, labels.tolist(), DRAWN_CLASSES, "drawn images (no download)")
    elif any((Path(root) / name).is_file() for name in ("train.npz", "test.npz")):
        images = _own(Path(root), train)
    else:
        images = _cifar10(Path(root), train, download)
    images.data, images.targets = images.data[:limit], images.targets[:limit]
    images.transform = transform
    return images


def _own(root: Path, train: bool) -> Images:
    """Images from an archive of three arrays: images, labels, and classes, the labels' names."""
    path = root / ("train.npz" if train else "test.npz")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            data, labels, classes = (archive[name] for name in ("images", "labels", "classes"))
        return Images(data, labels.tolist(), classes.tolist(), f"images from {root}")
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged archive can raise anything
        raise ValueError(
            f"{path}: damaged, or other arrays than images, labels and classes "
            f"({type(error).__name__}: {error}). Pack the images again."
        ) from error


def _cifar10(root: Path, train: bool, download: bool) -> Images:
    """CIFAR-10 by torchvision, which checks MD5 sums before it reads: its pickles could run code."""
    from torchvision.datasets import CIFAR10  # only here: importing it takes seconds

    home = root.parent if root.name == CIFAR10.base_folder else root
    fetch = download and not (home / CIFAR10.base_folder).exists()
    try:
        official = CIFAR10(str(home), train, download=fetch)
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"{root}: neither train.npz and test.npz nor the official CIFAR-10 ({error}). Name the "
            "folder that holds them (argument root, or environment variable COURSE_DATA), pass "
            "download=True to fetch CIFAR-10, or name no folder and use the drawn images. A "
            f"damaged {CIFAR10.base_folder} has to be deleted before; one with other images is "
            "converted as the autograder's docs/teach.md shows."
        ) from error
    data = np.ascontiguousarray(official.data)
    return Images(data, official.targets, official.classes, f"CIFAR-10 from {root}")


def being_graded() -> bool:
    """Whether this runs in the autograder, where long training and downloads are skipped."""
    return bool(os.environ.get("AUTOGRADER_BOX"))


def picture(draw: Callable[..., Any]) -> Callable[..., Any]:
    """For a function that only draws: while being graded, it does nothing.

    The picture that was handed in is shown instead, of cells that the source tags `as-handed-in`. A course
    can have them drawn anew (c.BoxSettings.pictures_anew).
    """
    return _draw_nothing if os.environ.get("AUTOGRADER_BOX") == "1" else _drawn_anyhow(draw)


def _drawn_anyhow(draw: Callable[..., Any]) -> Callable[..., Any]:
    """A picture that your function breaks is drawn without it: what is expected, and a sentence."""

    @functools.wraps(draw)
    def shown(*arguments: Any, **named: Any) -> Any:
        try:
            return draw(*arguments, **named)
        except Exception as error:
            if being_graded():
                raise
            from matplotlib import pyplot

            pyplot.close("all")
            print(_no_picture(error, [part.__name__ for part in arguments if _is_yours(part)]))
            blank = [_unwritten(part.__name__) if _is_yours(part) else part for part in arguments]
            if any(map(_is_yours, arguments)):
                with suppress(Exception), redirect_stdout(io.StringIO()):
                    draw(*blank, **named)
        return None

    return shown


def _is_yours(argument: Any) -> bool:
    return inspect.isfunction(argument) or inspect.isclass(argument)


def _unwritten(name: str) -> Callable[..., Any]:
    """A function of this name as it was handed out."""

    def stub(*_arguments: Any, **_named: Any) -> Any:
        raise NotImplementedError

    stub.__code__ = stub.__code__.replace(co_name=name)
    return stub


def _no_picture(error: Exception, names: Sequence[str]) -> str:
    whose = f"from {', '.join(names)}" if names else "here"
    said = f"{type(error).__name__}: {error}".splitlines()[0][:200].rstrip(": ")
    return (
        f"✗ The picture cannot be drawn with what came {whose} ({said}). The check below says more."
    )


@contextmanager
def unless_stub(*names: str) -> Iterator[None]:
    """Run what draws or uses your functions; where one of `names` is still a stub, say so and go on.

    What else goes wrong is told in a sentence, too, but in the autograder, where it is an error.
    """
    import torch

    with torch.random.fork_rng(devices=[]):  # pictures leave the random numbers alone
        torch.manual_seed(34)
        try:
            yield
        except Exception as error:
            missing = error.name if isinstance(error, NameError) else ""
            empty = _raised_in(error) if isinstance(error, NotImplementedError) else ""
            if (missing or empty) in names:
                state = "missing" if missing else "still empty"
                print(f"{missing or empty} is {state}: your part appears here when it is written.")
            elif being_graded():
                raise
            else:
                print(_no_picture(error, names))


def _raised_in(error: Exception) -> str:
    """The function in which an error was raised, or the class of which it is a method."""
    *_, (frame, _line) = traceback.walk_tb(error.__traceback__)
    name = frame.f_code.co_name
    owner = frame.f_locals.get("self")
    return type(owner).__name__ if name in ("__init__", "forward") and owner is not None else name


@contextmanager
def check(name: str, points: float) -> Iterator[None]:
    """Run a check of a notebook, and print in one sentence how it ended.

    Nothing is raised, so that all cells can be run at once, but in the autograder.
    """
    worth = f"{points:g} {'point' if points == 1 else 'points'}"
    try:
        yield
    except Exception as error:
        if being_graded():
            raise
        if isinstance(error, NotImplementedError):
            print(f"· {_raised_in(error)} is still empty. ({name}, {worth})")
        elif isinstance(error, AssertionError) and str(error):
            print(f"✗ {name} ({worth}): {error}")
        else:
            print(f"✗ {name} ({worth}): {_what_raised(error)}")
    else:
        print(f"✓ {name}: looks right so far. ({worth}; hidden checks come later)")


def _what_raised(error: Exception) -> str:
    """What a check met that it does not name itself, and the line of the notebook where it was."""
    said = f"{type(error).__name__}: {error}".splitlines()[0][:300].rstrip(": ")
    own = [f for f in traceback.extract_tb(error.__traceback__) if "ipykernel" in f.filename]
    place = f" in `{own[-1].name}`, line {own[-1].lineno}: `{own[-1].line}`" if own else ""
    return f"It raised {said}{place}. What did you expect there?"


def sharp_figures() -> None:
    """Figures in a small letter, and with twice the pixels, for screens that have them."""
    from matplotlib import pyplot

    pyplot.rcParams.update({"figure.dpi": 80, "font.size": 9, "axes.titlesize": 9})
    with suppress(ImportError, AttributeError):  # somewhere else than in a notebook
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")  # type: ignore[no-untyped-call,unused-ignore]


def _draw_nothing(*_arguments: Any, **_named: Any) -> None:
    pass


def show_images(images: Images, count: int = 20, columns: int = 10) -> Figure:
    """A figure of the first `count` images, `columns` in a row, each under its class's name."""
    from matplotlib import pyplot

    count = min(count, len(images))
    rows = max(1, -(-count // columns))
    figure = pyplot.figure(figsize=(1.1 * columns, 1.3 * rows))  # inches
    for i in range(count):
        ax = figure.add_subplot(rows, columns, i + 1)
        ax.axis("off")
        ax.imshow(images.data[i])
        ax.set_title(images.classes[images.targets[i]], fontsize=8)
    figure.tight_layout()
    return figure


# The drawn images

_DARK = "1d2b53 7e2553 006946 78422d 424654 5a328c 0a586e 222028"
_LIGHT = "ffccaa ffe150 64c3ff 87e696 ffa0c3 fff1e8 ffaa3c c8cad0"
_COLOURS = np.frombuffer(bytes.fromhex(_DARK + _LIGHT), np.uint8).reshape(16, 3)
_BLOCK = 500  # images painted at a time, which bounds the memory


def draw_images(count: int, seed: int, limit: int | None = None) -> tuple[Pixels, Labels]:
    """Draw images uint8 `(count, 32, 32, 3)` and their class numbers int64 `(count,)`.

    With a limit, only the first of them.

    The `DRAWN_CLASSES` are shuffled, and as many of each as the count allows. Place, size, rotation
    and colours are random, so no pixel tells anything by itself; the same seed gives the same bits.
    """
    if count < 0 or seed < 0:
        raise ValueError(f"draw_images: count {count} and seed {seed} should both be 0 or more.")
    words = np.random.PCG64(seed)
    order = np.argsort(words.random_raw(count), kind="stable")
    labels: Labels = (np.arange(count, dtype=np.int64) % len(DRAWN_CLASSES))[order]
    images = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for start in range(0, count if limit is None else min(count, limit), _BLOCK):
        block = slice(start, start + _BLOCK)  # painted whole: its images share their random numbers
        images[block] = _paint(labels[block], words)
    return images[:limit], labels[:limit]


def _uniform(words: _Words, shape: tuple[int, ...], low: float = 0, high: float = 1) -> Any:
    """Random float32 in [low, high)."""
    bits = words.random_raw(shape) >> np.uint64(40)  # 24 bits: exact in a float32
    return bits.astype(np.float32) * 2.0**-24 * (high - low) + low


def _pick(words: _Words, count: int, colours: Pixels) -> Any:
    """For each of `count` images one of the colours, float32 (count, 3)."""
    index = (words.random_raw(count) >> np.uint64(32)) % np.uint64(len(colours))
    return colours[index].astype(np.float32)


def _paint(labels: Labels, words: _Words) -> Pixels:
    n = len(labels)
    x, y = np.meshgrid(*2 * [np.arange(SIDE, dtype=np.float32) - 15.5])  # (32, 32)
    dark, light = _pick(words, n, _COLOURS[:8]), _pick(words, n, _COLOURS[8:])
    heads = _uniform(words, (n, 1)) < 0.5  # which of the two is the ground
    jitter = _uniform(words, (2, n, 3), -20, 20)
    ground = np.where(heads, dark, light) + jitter[0]  # (n, 3)
    ink = np.where(heads, light, dark) + jitter[1]

    canvas = np.tile(ground[:, :, None, None], (SIDE, SIDE))  # (n, 3, 32, 32)
    tilt = _uniform(words, (2, n, 1, 1), -1, 1)
    shade = tilt[0] * x + tilt[1] * y  # the light falls from one side, (n, 32, 32)
    for _ in range(3):  # specks
        at = _uniform(words, (2, n, 1, 1), -16, 16)
        radius = _uniform(words, (n, 1, 1), 0.7, 2.0)
        cover = np.clip(radius + 0.5 - _length(x - at[0], y - at[1]), 0, 1)
        _blend(canvas, cover, _pick(words, n, _COLOURS))

    # The figure's own axes: u and v are 1 at its radius. A rational point (cos, sin) of the circle.
    t = _uniform(words, (n, 1, 1), -1, 1)
    turn = np.where(_uniform(words, (n, 1, 1)) < 0.5, np.float32(-1), np.float32(1))
    cos = turn * (1 - t * t) / (1 + t * t)
    sin = turn * (t + t) / (1 + t * t)
    radius = _uniform(words, (n, 1, 1), 12, 15)
    at = _uniform(words, (2, n, 1, 1), -1, 1) * (16 - radius)
    u = ((x - at[0]) * cos + (y - at[1]) * sin) / radius  # (n, 32, 32)
    v = ((y - at[1]) * cos - (x - at[0]) * sin) / radius
    free = _uniform(words, (3, n, 1, 1))
    cover = np.empty((n, SIDE, SIDE), np.float32)
    for number, name in enumerate(DRAWN_CLASSES):
        mine = labels == number
        depth = _depth(name, u[mine], v[mine], *free[:, mine])
        cover[mine] = np.clip(depth * radius[mine] + 0.5, 0, 1)
    _blend(canvas, cover, ink)

    canvas += shade[:, None]
    octets = words.random_raw(canvas.size // 4).astype("<u8").view(np.uint8)
    grain = octets.astype(np.float32).reshape(2, *canvas.shape)
    canvas += (grain[0] - grain[1]) * 0.07  # within 18 of 255
    pixels: Pixels = np.floor(np.clip(canvas, 0, 255) + 0.5).astype(np.uint8)
    return pixels.transpose(0, 2, 3, 1)


def _blend(canvas: Any, cover: Any, colour: Any) -> None:
    """Lay a colour (n, 3) over the canvas (n, 3, 32, 32) where cover (n, 32, 32) is 1."""
    canvas += (colour[:, :, None, None] - canvas) * cover[:, None]


def _length(u: Any, v: Any) -> Any:
    return np.sqrt(u * u + v * v)


def _wave(position: Any, period: Any, phase: Any) -> Any:
    """A triangle wave: period / 4 on the crests, 0 halfway, -period / 4 in the troughs."""
    cycle = position / period + phase
    return (np.abs(cycle - np.floor(cycle) - 0.5) - 0.25) * period


def _depth(figure: str, u: Any, v: Any, a: Any, b: Any, c: Any) -> Any:
    """How deep inside a figure each point is, in units of its radius; below 0 is outside.

    u and v are (n, 32, 32); a, b and c are (n, 1, 1) random numbers in [0, 1) to vary it with.
    """
    across, up = np.abs(u), np.abs(v)
    if figure == "disc":
        return 0.9 - _length(u, v)
    if figure == "ring":
        return 0.14 + 0.1 * a - np.abs(_length(u, v) - 0.78)
    if figure == "square":
        return 0.78 - np.maximum(across, up)
    if figure == "triangle":
        return 0.55 - np.maximum(0.8660254 * across + 0.5 * v, -v)
    if figure == "star":  # folded along its axes until one edge is left, from the tip (0, 1.1) down
        u = across
        for cos, sin in ((0.80901699, -0.58778525), (-0.80901699, -0.58778525)):
            fold = np.maximum(cos * u + sin * v, 0) * 2
            u, v = u - cos * fold, v - sin * fold
        return (1.1 - v) * 0.30901699 - np.abs(u) * 0.95105652
    if figure == "cross":
        return np.minimum(0.2 + 0.12 * a - np.minimum(across, up), 0.95 - np.maximum(across, up))
    if figure == "moon":
        return np.minimum(0.98 - _length(u, v), _length(u - 0.5, v) - 0.72)

    # Patterns are cut from a square with round corners.
    patch = 0.5 - _length(np.maximum(across - 0.45, 0), np.maximum(up - 0.45, 0))
    low, more = {"stripes": (0.38, 0.14), "checks": (0.6, 0.2), "dots": (0.5, 0.12)}[figure]
    period = low + more * a
    first, second = _wave(u, period, b), _wave(v, period, c)
    crest = 0.25 * period
    if figure == "dots":
        first = 0.29 * period - _length(crest - first, crest - second)
    elif figure == "checks":
        first = np.maximum(np.minimum(first, second), np.minimum(-first, -second))
    return np.minimum(first, patch)
