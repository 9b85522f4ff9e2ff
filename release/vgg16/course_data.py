"""The course's images: one way to load them, whatever is on the machine.

    train = load_images(train=True)                            # drawn by this file, no download
    train = load_images("data", train=True, download=True)     # CIFAR-10, 163 MiB, once
    train = load_images("my/folder", train=True)               # anything in CIFAR-10's format

Three sources, one shape. CIFAR-10 comes through torchvision, which checks what it downloads. A
folder in CIFAR-10's own format, which anybody may have made, is read here: batch files are pickles,
and a pickle can run code, so ours are read by an unpickler that knows plain values and integer
arrays and nothing else. And where there is no data set at all, ten classes of shapes and patterns
are drawn by code. All are 32x32 RGB, ten classes and more, in the same arrays.

The drawn images are the same, bit for bit, on every machine and under every version of NumPy. The
random numbers are PCG64's raw words, which NumPy promises never to change (it promises nothing for
`random()` and its relatives). The arithmetic is float32, one NumPy call an operation, and only
`+ - * / sqrt`, rounding and comparison: IEEE 754 fixes each of these to the last bit, as it does
not for sines, sums and matrix products, which therefore do not occur (a rotation is a rational
point of the unit circle).

This file needs nothing of the autograder: it travels beside the notebooks, and holds no secret.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import shutil
import struct
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "CIFAR10_CLASSES",
    "DRAWN_CLASSES",
    "Images",
    "being_graded",
    "draw_images",
    "load_images",
    "show_images",
    "write_cifar_folder",
]

CIFAR10_CLASSES: tuple[str, ...] = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
DRAWN_CLASSES: tuple[str, ...] = (
    *("disc", "ring", "square", "triangle", "star"),
    *("cross", "moon", "stripes", "checks", "dots"),
)

SIDE = 32  # pixels
BATCH_FOLDER = "cifar-10-batches-py"
DRAWN_TRAIN = (2000, 34)  # images, public seed
DRAWN_TEST = (500, 35)

Pixels = npt.NDArray[np.uint8]  # (n, 32, 32, 3)
Labels = npt.NDArray[np.int64]  # (n,)
Field = npt.NDArray[np.floating[Any]]  # float32 throughout


# Loading


class Images(Dataset[tuple[Any, int]]):
    """Labelled 32x32 colour images, as torchvision's data sets hold them.

    Attributes:
        data: uint8 `(n, 32, 32, 3)`, RGB.
        targets: `n` class numbers, as ints.
        classes: the classes' names; `classes[targets[i]]` names image `i`.
        source: where the images come from, in a few words for people.
        transform: what is done to each PIL image on its way out, or None.
    """

    def __init__(
        self,
        data: Pixels,
        targets: Iterable[int],
        classes: Iterable[str],
        source: str,
        transform: Callable[[Image.Image], Any] | None = None,
    ) -> None:
        self.data = data
        self.targets = [int(target) for target in targets]
        self.classes = list(classes)
        self.source = source
        self.transform = transform
        if data.dtype != np.uint8 or data.ndim != 4 or data.shape[1:] != (SIDE, SIDE, 3):
            raise ValueError(
                f"Images: data should be uint8 (n, {SIDE}, {SIDE}, 3), "
                f"not {data.dtype} {data.shape}. Resize and convert the images first."
            )
        if len(self.targets) != len(data):
            raise ValueError(f"Images: {len(data)} images, but {len(self.targets)} targets.")

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """The image (a PIL image, or what `transform` makes of it) and its class number."""
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
    """The training or the test images.

    Args:
        root: a folder that is, or contains, `cifar-10-batches-py`. None means the folder in the
            environment variable COURSE_DATA, and where that is not set the drawn images (2000 for
            training, 500 for testing, always the same).
        train: the training images, or the test images.
        transform: called with each PIL image when it is taken out.
        download: fetch CIFAR-10 into `root` if nothing is there; what is there stays as it is.
        limit: only the first so many.

    Raises:
        FileNotFoundError: a folder or batch file is missing.
        OSError: the download failed.
        ValueError: a batch file is damaged, or is not what it should be.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"load_images: limit should be None or at least 1, not {limit}.")
    if root is None:
        root = os.environ.get("COURSE_DATA") or None
    if root is None:
        if download:
            raise ValueError(
                "load_images: download=True needs a folder to download to. "
                'Name one: load_images("data", train=..., download=True).'
            )
        drawn, labels = draw_images(*(DRAWN_TRAIN if train else DRAWN_TEST))
        source = "drawn images (no download)"
        return Images(drawn[:limit], labels[:limit].tolist(), DRAWN_CLASSES, source, transform)

    folder = _batch_folder(Path(root), download)
    classes = _read_classes(folder / "batches.meta")
    images: list[Pixels] = []
    targets: list[int] = []
    for path in _train_files(folder) if train else [folder / "test_batch"]:
        if limit is None or len(targets) < limit:
            some, their_targets = _read_batch(path, len(classes))
            images.append(some)
            targets += their_targets
    known = tuple(classes) == CIFAR10_CLASSES
    source = f"CIFAR-10 from {root}" if known else f"images in CIFAR-10's format from {root}"
    return Images(np.concatenate(images)[:limit], targets[:limit], classes, source, transform)


def being_graded() -> bool:
    """Whether this runs in the autograder, where long training and downloads are skipped."""
    return bool(os.environ.get("AUTOGRADER_BOX"))


def show_images(images: Images, count: int = 20, columns: int = 10) -> Figure:
    """A figure of the first `count` images, `columns` in a row, each under its class's name."""
    from matplotlib import pyplot

    count = min(count, len(images))
    rows = max(1, -(-count // columns))
    size = (1.1 * columns, 1.3 * rows)  # inches
    figure, axes = pyplot.subplots(rows, columns, figsize=size, squeeze=False)
    for i, ax in enumerate(axes.flat):
        ax.axis("off")
        if i < count:
            ax.imshow(images.data[i])
            ax.set_title(images.classes[images.targets[i]], fontsize=8)
    figure.tight_layout()
    return figure


# CIFAR-10's format: reading


def _batch_folder(root: Path, download: bool) -> Path:
    for folder in (root, root / BATCH_FOLDER):
        if (folder / "batches.meta").is_file() or (folder.name == BATCH_FOLDER and folder.is_dir()):
            return folder
    if not download:
        raise FileNotFoundError(
            f"{root}: no folder {BATCH_FOLDER} with batches.meta in it. Name the folder that holds "
            "it (argument root, or environment variable COURSE_DATA), pass download=True to fetch "
            "CIFAR-10, or name no folder at all to use the drawn images."
        )
    from torchvision.datasets import CIFAR10  # only here: importing it takes seconds

    try:
        CIFAR10(str(root), download=True)  # torchvision checks the archive's and the files' MD5
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"{root}: CIFAR-10 could not be downloaded ({error}). Check the network, or name no "
            "folder and use the drawn images."
        ) from error
    return root / BATCH_FOLDER


def _train_files(folder: Path) -> list[Path]:
    """`data_batch_1`, `data_batch_2`, ... without a gap."""
    found = [re.fullmatch(r"data_batch_(\d+)", path.name) for path in folder.iterdir()]
    last = max((int(match[1]) for match in found if match), default=1)
    return [folder / f"data_batch_{number}" for number in range(1, last + 1)]


def _read_classes(path: Path) -> list[str]:
    names = _read_pickle(path).get("label_names")
    if not isinstance(names, list) or not names:
        raise ValueError(_damaged(path, "label_names is not a list of names"))
    return [_text(name) for name in names]


def _read_batch(path: Path, classes: int) -> tuple[Pixels, list[int]]:
    entry = _read_pickle(path)
    data, labels = (
        value.array if isinstance(value, _Array) else value
        for value in (entry.get("data"), entry.get("labels"))
    )
    row = 3 * SIDE * SIDE
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.size % row:
        raise ValueError(_damaged(path, f"data is not a uint8 array of {row} bytes an image"))
    data = data.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)  # (n, 32, 32, 3)
    labels = labels.tolist() if isinstance(labels, np.ndarray) else labels
    if not isinstance(labels, list) or len(labels) != len(data):
        raise ValueError(_damaged(path, f"labels is not a list of {len(data)} class numbers"))
    for i, label in enumerate(labels):
        if type(label) is not int or not 0 <= label < classes:
            wrong = f"label {i} is {label!r}, not a class number from 0 to {classes - 1}"
            raise ValueError(_damaged(path, wrong))
    return np.ascontiguousarray(data), labels


def _read_pickle(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(_damaged(path, "the file is missing")) from None
    try:
        # Python 2's strings stay bytes: the official files hold their pixels in one.
        entry = _PlainUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle can raise anything
        raise ValueError(_damaged(path, f"{type(error).__name__}: {error}")) from error
    if not isinstance(entry, dict):
        raise ValueError(_damaged(path, "holds no dict"))
    return {_text(key): value for key, value in entry.items()}


def _damaged(path: Path, reason: str) -> str:
    return (
        f"{path}: {reason}. This should be a file in CIFAR-10's python format; delete the folder "
        f"{path.parent} and download or pack the images again."
    )


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class _PlainUnpickler(pickle.Unpickler):
    """Reads dicts, lists, strings, bytes, numbers and integer arrays; refuses everything else.

    A pickle may name any function and have it called. Here the few names that NumPy's arrays need
    stand for the harmless doubles below, so that not even NumPy's own unpickling code runs.
    """

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy._core.", "numpy.core.")
        double = _DOUBLES.get((module, name))
        if double is None:
            raise pickle.UnpicklingError(f"refused, since it asks for {module}.{name}")
        return double


class _Dtype:
    def __init__(self, name: object, *_flags: object) -> None:
        self.name = _text(name)
        self.order = "="

    def __setstate__(self, state: Sequence[Any]) -> None:
        self.order = _text(state[1])

    def array(self, raw: object) -> npt.NDArray[Any]:
        dtype = np.dtype(self.name)
        if dtype.kind not in "iu":
            raise pickle.UnpicklingError(f"refused, since it holds an array of {dtype}")
        # Under encoding="latin1" raw bytes of old pickles are text: the same bytes.
        buffer = raw.encode("latin1") if isinstance(raw, str) else cast(bytes, raw)
        return np.frombuffer(buffer, dtype.newbyteorder(cast(Any, self.order)))


class _Array:
    """An array under way: NumPy's pickles make it empty and fill it afterwards."""

    array: npt.NDArray[Any] | None = None

    def __init__(self, *_kind_shape_dtype: object) -> None:
        pass

    def __setstate__(self, state: Sequence[Any]) -> None:
        _version, shape, dtype, fortran, raw = state
        self.array = dtype.array(raw).reshape(shape, order="F" if fortran else "C")


def _from_buffer(raw: object, dtype: _Dtype, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", raw))
    return array


def _scalar(dtype: _Dtype, raw: object) -> int:
    return int(dtype.array(raw)[0])


def _encode(text: str, _encoding: object = "latin1") -> bytes:
    return text.encode("latin1")  # how pickle's old protocols write bytes


def _no_bytes() -> bytes:
    return b""


_DOUBLES: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "bytes"): _no_bytes,
}


# CIFAR-10's format: writing


def new_batch_folder(root: str | os.PathLike[str]) -> Path:
    """Where `write_cifar_folder` will write; raises FileExistsError where something is already."""
    root = Path(root)
    folder = root if root.name == BATCH_FOLDER else root / BATCH_FOLDER
    if folder.exists():
        raise FileExistsError(f"{folder}: is there already. Delete it, or name another folder.")
    return folder


def write_cifar_folder(
    root: str | os.PathLike[str],
    train: tuple[Pixels, Sequence[int] | Labels],
    test: tuple[Pixels, Sequence[int] | Labels],
    classes: Sequence[str],
) -> Path:
    """Write images as CIFAR-10's python batch files, for `load_images` and other readers.

    Args:
        root: the folder to hold `cifar-10-batches-py`, or that folder itself.
        train: images uint8 `(n, 32, 32, 3)`, n at least 5, and `n` class numbers; become
            `data_batch_1` to `data_batch_5`.
        test: the same for `test_batch`, n at least 1.
        classes: the classes' names, in the order of their numbers.

    Returns:
        The folder of batch files. It appears complete or not at all, and the same images give
        the same bytes.

    Raises:
        FileExistsError: the folder is there already.
        ValueError: the images or labels do not fit together.
    """
    folder = new_batch_folder(root)
    files: dict[str, bytes] = {}
    for part, (data, labels), batches in (("train", train, 5), ("test", test, 1)):
        images = Images(data, labels, classes, part)
        if len(images) < batches:
            raise ValueError(f"write_cifar_folder: {part} needs {batches} images or more.")
        if not all(0 <= label < len(classes) for label in images.targets):
            raise ValueError(
                f"write_cifar_folder: {part} has labels outside 0 to {len(classes) - 1}. "
                "Name one class for each label."
            )
        edges = [len(images) * i // batches for i in range(batches + 1)]
        for i in range(batches):
            rows = slice(edges[i], edges[i + 1])
            title = f"training batch {i + 1} of 5" if part == "train" else "testing batch 1 of 1"
            files[f"data_batch_{i + 1}" if part == "train" else "test_batch"] = _pickled(
                {
                    "batch_label": title,
                    "labels": images.targets[rows],
                    "data": data[rows].transpose(0, 3, 1, 2).reshape(-1, 3 * SIDE * SIDE),
                    "filenames": [f"{part}_{j:06d}.png" for j in range(rows.start, rows.stop)],
                }
            )
    meta = {
        "num_cases_per_batch": -(-len(train[1]) // 5),
        "label_names": list(classes),
        "num_vis": 3 * SIDE * SIDE,
    }
    files["batches.meta"] = _pickled(meta)

    unfinished = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    unfinished.mkdir(parents=True)
    try:
        for name, content in files.items():
            (unfinished / name).write_bytes(content)
        try:
            unfinished.rename(folder)
        except OSError:
            new_batch_folder(root)  # somebody else was faster
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _pickled(value: object) -> bytes:
    """A pickle, protocol 2, as Python 2 wrote the official files.

    Written by hand, because `pickle` would blow the pixels up by half (protocol 2 has no bytes in
    Python 3), and would name NumPy's modules as the installed version happens to call them.
    """
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value: object) -> bytes:
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, str) and not value.isascii():
        encoded = value.encode()
        return b"X" + struct.pack("<I", len(encoded)) + encoded
    if isinstance(value, str | bytes):
        raw = value.encode() if isinstance(value, str) else value
        return b"T" + struct.pack("<I", len(raw)) + raw
    if isinstance(value, list):
        return b"](" + b"".join(map(_opcodes, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(_opcodes(part) for item in value.items() for part in item) + b"u"
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        rows, columns = (_opcodes(size) for size in value.shape)
        empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        dtype = (
            b"cnumpy\ndtype\nU\x02u1\x89\x88\x87R(K\x03U\x01|NNN" + 2 * _opcodes(-1) + b"K\x00tb"
        )
        shape = rows + columns + b"\x86"
        return empty + b"(K\x01" + shape + dtype + b"\x89" + _opcodes(value.tobytes()) + b"tb"
    raise TypeError(f"cannot write a {type(value).__name__}")


# The drawn images

_DARK = (
    *((29, 43, 83), (126, 37, 83), (0, 105, 70), (120, 66, 45)),
    *((66, 70, 84), (90, 50, 140), (10, 88, 110), (34, 32, 40)),
)
_LIGHT = (
    *((255, 204, 170), (255, 225, 80), (100, 195, 255), (135, 230, 150)),
    *((255, 160, 195), (255, 241, 232), (255, 170, 60), (200, 202, 208)),
)
_BLOCK = 500  # images painted at a time, which bounds the memory
_SPECKS = 3


def draw_images(count: int, seed: int) -> tuple[Pixels, Labels]:
    """Draw a fresh set of images: ten classes of shapes and patterns, `DRAWN_CLASSES`.

    Place, size, rotation and colours are random, dark on light as often as light on dark, so that
    no pixel tells anything by itself.

    Args:
        count: how many images, 0 or more.
        seed: any integer from 0 up; the same seed and count give the same bits on every machine.

    Returns:
        Images uint8 `(count, 32, 32, 3)` and class numbers int64 `(count,)`: shuffled, and as many
        of each class as the count allows.
    """
    if count < 0 or seed < 0:
        raise ValueError(f"draw_images: count {count} and seed {seed} should both be 0 or more.")
    words = np.random.PCG64(seed)
    order = np.argsort(_raw(words, count), kind="stable")
    labels: Labels = (np.arange(count, dtype=np.int64) % len(DRAWN_CLASSES))[order]
    images = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for start in range(0, count, _BLOCK):
        block = slice(start, start + _BLOCK)
        images[block] = _paint(labels[block], words)
    return images, labels


def _raw(words: np.random.PCG64, count: int) -> npt.NDArray[np.uint64]:
    return np.asarray(words.random_raw(count), np.uint64)


def _uniform(
    words: np.random.PCG64, shape: tuple[int, ...], low: float = 0, high: float = 1
) -> Field:
    """Random float32 in [low, high)."""
    bits = _raw(words, int(np.prod(shape))) >> np.uint64(40)  # 24 bits: exact in a float32
    unit = bits.astype(np.float32).reshape(shape) * 2.0**-24
    return unit * (high - low) + low


def _pick(words: np.random.PCG64, count: int, options: Sequence[object]) -> Field:
    """For each of `count` images one of the options, (count, ...)."""
    index = (_raw(words, count) >> np.uint64(32)) % np.uint64(len(options))
    return np.asarray(options, np.float32)[index.astype(np.int64)]


def _paint(labels: Labels, words: np.random.PCG64) -> Pixels:
    n = len(labels)
    x, y = np.meshgrid(*2 * [np.arange(SIDE, dtype=np.float32) - 15.5])  # (32, 32)

    # Two colours, one dark and one light; which of them is the ground is a coin's throw.
    dark, light = _pick(words, n, _DARK), _pick(words, n, _LIGHT)
    heads = _uniform(words, (n, 1)) < 0.5
    jitter = _uniform(words, (2, n, 3), -20, 20)
    ground = np.where(heads, dark, light) + jitter[0]  # (n, 3)
    ink = np.where(heads, light, dark) + jitter[1]

    canvas = np.empty((n, 3, SIDE, SIDE), np.float32)
    tilt = _uniform(words, (2, n, 1, 1), -1, 1)
    shade = tilt[0] * x + tilt[1] * y  # the light falls from one side, (n, 32, 32)
    canvas[:] = ground[:, :, None, None]
    for _ in range(_SPECKS):
        at = _uniform(words, (2, n, 1, 1), -16, 16)
        radius = _uniform(words, (n, 1, 1), 0.7, 2.0)
        cover = np.clip(radius + 0.5 - _length(x - at[0], y - at[1]), 0, 1)
        _blend(canvas, cover, _pick(words, n, _DARK + _LIGHT))

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
        depth = _FIGURES[name](u[mine], v[mine], free[:, mine])
        cover[mine] = np.clip(depth * radius[mine] + 0.5, 0, 1)
    _blend(canvas, cover, ink)

    canvas += shade[:, None]
    raw_grain = _raw(words, n * 3 * SIDE * SIDE // 4).astype("<u8").view(np.uint8)
    grain = raw_grain.astype(np.float32).reshape(2, n, 3, SIDE, SIDE)
    canvas += (grain[0] - grain[1]) * 0.07  # within 18 of 255
    pixels: Pixels = np.floor(np.clip(canvas, 0, 255) + 0.5).astype(np.uint8)
    return pixels.transpose(0, 2, 3, 1)


def _blend(canvas: Field, cover: Field, colour: Field) -> None:
    """Lay a colour (n, 3) over the canvas (n, 3, 32, 32) where cover (n, 32, 32) is 1."""
    canvas += (colour[:, :, None, None] - canvas) * cover[:, None]


# Each figure tells how deep inside it a point is, in units of its radius; below 0 is outside.
# u and v are (n, 32, 32), free is (3, n, 1, 1) random numbers in [0, 1) to vary it with.


def _length(u: Field, v: Field) -> Field:
    length: Field = np.sqrt(u * u + v * v)
    return length


def _disc(u: Field, v: Field, _free: Field) -> Field:
    return 0.9 - _length(u, v)


def _ring(u: Field, v: Field, free: Field) -> Field:
    width = 0.14 + 0.1 * free[0]
    depth: Field = width - np.abs(_length(u, v) - 0.78)
    return depth


def _square(u: Field, v: Field, _free: Field) -> Field:
    depth: Field = 0.78 - np.maximum(np.abs(u), np.abs(v))
    return depth


def _triangle(u: Field, v: Field, _free: Field) -> Field:
    sides = 0.8660254 * np.abs(u) + 0.5 * v
    return 0.55 - np.maximum(sides, -v)


def _star(u: Field, v: Field, _free: Field) -> Field:
    # Folded along its axes until one edge is left, from the tip (0, 1.1) down.
    u = np.abs(u)
    for a, b in ((0.80901699, -0.58778525), (-0.80901699, -0.58778525)):
        fold = np.maximum(a * u + b * v, 0) * 2
        u, v = u - a * fold, v - b * fold
    return (1.1 - v) * 0.30901699 - np.abs(u) * 0.95105652


def _cross(u: Field, v: Field, free: Field) -> Field:
    u, v = np.abs(u), np.abs(v)
    width = 0.2 + 0.12 * free[0]
    across = np.minimum(width - v, 0.95 - u)
    depth: Field = np.maximum(across, np.minimum(width - u, 0.95 - v))
    return depth


def _moon(u: Field, v: Field, _free: Field) -> Field:
    bite = _length(u - 0.5, v) - 0.72
    depth: Field = np.minimum(0.98 - _length(u, v), bite)
    return depth


def _wave(position: Field, period: Field, phase: Field) -> Field:
    """A triangle wave: period / 4 on the crests, 0 halfway, -period / 4 in the troughs."""
    cycle = position / period + phase
    wave: Field = (np.abs(cycle - np.floor(cycle) - 0.5) - 0.25) * period
    return wave


def _patch(u: Field, v: Field) -> Field:
    """What patterns are cut from: a square with round corners."""
    corner = _length(np.maximum(np.abs(u) - 0.45, 0), np.maximum(np.abs(v) - 0.45, 0))
    return 0.5 - corner


def _stripes(u: Field, v: Field, free: Field) -> Field:
    period = 0.38 + 0.14 * free[0]
    depth: Field = np.minimum(_wave(u, period, free[1]), _patch(u, v))
    return depth


def _checks(u: Field, v: Field, free: Field) -> Field:
    period = 0.6 + 0.2 * free[0]
    a, b = _wave(u, period, free[1]), _wave(v, period, free[2])
    both = np.maximum(np.minimum(a, b), np.minimum(-a, -b))
    depth: Field = np.minimum(both, _patch(u, v))
    return depth


def _dots(u: Field, v: Field, free: Field) -> Field:
    period = 0.5 + 0.12 * free[0]
    a, b = _wave(u, period, free[1]), _wave(v, period, free[2])
    crest = 0.25 * period
    dot = 0.29 * period - _length(crest - a, crest - b)
    depth: Field = np.minimum(dot, _patch(u, v))
    return depth


_FIGURES: dict[str, Callable[[Field, Field, Field], Field]] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "moon": _moon,
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
}
