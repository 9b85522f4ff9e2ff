"""Packs anybody's labelled images into the folder that `load_images` reads.

What can be packed:

    SOURCE/train/cat/x.png, SOURCE/test/cat/y.png      a folder a class, the parts told apart
    SOURCE/cat/x.png                                   a folder a class; the parts are made here
    SOURCE/train.npz, SOURCE/test.npz                  archives of encoded images (see below)
    SOURCE.npz                                         one such archive; the parts are made here

Where the parts are made here, the SHA-256 of an image's file decides: it stays in its part when
others are added, removed or renamed, and a file that is there twice is never in both parts. An
archive holds `jpeg` (uint8, image files one after the other, JPEG or any other kind), `offsets`
(integers (n + 1,): image i is `jpeg[offsets[i]:offsets[i + 1]]`) and `labels` (integers (n,)).

Every prefix of what is packed has its classes mixed, since `load_images(limit=...)` takes prefixes.
"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from autograder.data.course_data import SIDE
from autograder.data.folder import refuse_if_there, write_images
from autograder.scorecard import counted

__all__ = ["CIFAR10_CLASSES", "IMAGE_ENDINGS", "Packed", "pack_images"]

CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)

IMAGE_ENDINGS = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
)


@dataclass(frozen=True)
class Packed:
    """What `pack_images` made."""

    folder: Path  # holds the archives
    classes: tuple[str, ...]
    train_count: int
    test_count: int
    skipped: tuple[str, ...]  # broken images that were left out, each with the reason


@dataclass(frozen=True)
class _Entry:
    name: str  # for messages: a file's path, or an image's place in an archive
    label: int
    read: Callable[[], bytes]


def pack_images(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    classes: Sequence[str] | None = None,
    test_fraction: float = 0.2,
    skip_broken: bool = False,
) -> Packed:
    """Pack the images of `source` into `destination`.

    Images become 32x32 RGB: turned upright as their EXIF says, transparency laid on white, cut to
    the middle square, resized. Hidden files and files without an image's ending are passed over.

    Args:
        source: a folder or archive in one of the layouts above.
        destination: the folder for the result, as for `write_images`.
        classes: the classes' names, in order. None means the folders' names, sorted; for
            ten that are only numbered (an archive's labels, or folders 0 to 9) CIFAR-10's names.
            For folders with names it chooses the order, and must name each of them.
        test_fraction: how much goes to the test part where the source has no parts, in (0, 1).
        skip_broken: leave broken images out and list them; otherwise the first one is refused.

    Raises:
        FileNotFoundError: the source, or one of its parts, is missing.
        FileExistsError: the destination holds something already.
        ValueError: a broken image or archive (named), or classes that do not fit.
    """
    source = Path(source)
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction should lie between 0 and 1, not be {test_fraction}.")
    if not source.exists():
        raise FileNotFoundError(f"{source}: no such folder or archive.")
    refuse_if_there(Path(destination))  # before the work, not after it

    parts: dict[str, list[_Entry]]
    if source.is_file() or (source / "train.npz").is_file():
        names = None
        archives = {"all": source} if source.is_file() else _both_parts(source, ".npz")
        parts = {part: _archive_entries(path) for part, path in archives.items()}
        count = 1 + max((entry.label for part in parts.values() for entry in part), default=0)
    else:
        divided = (source / "train").is_dir() or (source / "test").is_dir()
        trees = _both_parts(source, "") if divided else {"all": source}
        names = _class_folders(trees)
        parts = {part: _tree_entries(path, names) for part, path in trees.items()}
        count = len(names)
    chosen = _choose_classes(source, names, count, classes)
    numbers = list(range(count))
    if names is not None and set(names) == set(chosen):
        numbers = [chosen.index(name) for name in names]

    skipped: list[str] = []
    packed: dict[str, tuple[list[npt.NDArray[np.uint8]], list[int]]] = {
        "train": ([], []),
        "test": ([], []),
    }
    for part, entries in parts.items():
        for entry in entries:
            content = entry.read()
            try:
                pixels = _decode(content)
            except Exception as error:  # Pillow raises nearly anything at a broken file
                wrong = f"{entry.name}: not a readable image ({error})"
                if not skip_broken:
                    raise ValueError(
                        f"{wrong}. Repair or remove it, or skip broken images (skip_broken)."
                    ) from error
                skipped.append(wrong)
                continue
            images, labels = packed[_part_of(content, test_fraction) if part == "all" else part]
            images.append(pixels)
            labels.append(numbers[entry.label])

    for part, (images, _labels) in packed.items():
        if len(images) < 5:
            raise ValueError(
                f"{source}: only {counted(len(images), 'image')} for the {part} part; 5 are the least. "
                "Add images, or choose another test_fraction."
            )
    train, test = (
        (np.stack(images), labels)
        for images, labels in (
            (images, labels) if names is None else _mixed(images, labels)
            for images, labels in packed.values()
        )
    )
    folder = write_images(destination, chosen, train, test)
    return Packed(folder, tuple(chosen), len(train[1]), len(test[1]), tuple(skipped))


def _both_parts(source: Path, ending: str) -> dict[str, Path]:
    paths = {part: source / f"{part}{ending}" for part in ("train", "test")}
    for part, path in paths.items():
        if not path.exists():
            raise FileNotFoundError(
                f"{path}: missing, while the other part is there. Add the {part} images, or give "
                "all images without parts and let them be split."
            )
    return paths


# Folders


def _class_folders(trees: dict[str, Path]) -> list[str]:
    """The names of the class folders, sorted, numbers by their size."""
    names: list[str] | None = None
    for part, path in trees.items():
        here = [entry.name for entry in path.iterdir() if entry.is_dir()]
        here = [name for name in here if not name.startswith(".")]
        if names is not None and (extra := sorted(set(here) - set(names))):
            raise ValueError(f"{path}: {part} has classes that train has not: {', '.join(extra)}.")
        names = here if names is None else names
    if not names:
        raise ValueError(
            f"{next(iter(trees.values()))}: no folders in it. Put the images of each class into "
            "a folder named for the class (or name an .npz archive)."
        )
    return sorted(names, key=lambda name: (int(name) if name.isdecimal() else -1, name))


def _tree_entries(tree: Path, names: Sequence[str]) -> list[_Entry]:
    return [
        _Entry(str(path), label, path.read_bytes)
        for label, name in enumerate(names)
        for path in sorted((tree / name).rglob("*"))
        if path.suffix.lower() in IMAGE_ENDINGS and path.is_file() and not path.name.startswith(".")
    ]


def _mixed(
    images: list[npt.NDArray[np.uint8]], labels: list[int]
) -> tuple[list[npt.NDArray[np.uint8]], list[int]]:
    """Classes by turns; within a class an order that the pixels alone decide."""
    digests = [hashlib.sha256(image.tobytes()).digest() for image in images]
    seen: Counter[int] = Counter()
    turns: list[tuple[int, int, int]] = []
    for i in sorted(range(len(images)), key=digests.__getitem__):
        turns.append((seen[labels[i]], labels[i], i))
        seen[labels[i]] += 1
    order = [i for _turn, _label, i in sorted(turns)]
    return [images[i] for i in order], [labels[i] for i in order]


# Archives


def _archive_entries(path: Path) -> list[_Entry]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            jpeg, offsets, labels = (archive[key] for key in ("jpeg", "offsets", "labels"))
    except Exception as error:  # a zip file can be broken in many ways
        raise ValueError(
            f"{path}: not an .npz archive of jpeg, offsets and labels "
            f"({type(error).__name__}: {error})."
        ) from error
    if jpeg.ndim != 1 or jpeg.dtype != np.uint8:
        raise ValueError(f"{path}: jpeg should be uint8 (bytes,), not {jpeg.dtype} {jpeg.shape}.")
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or (labels.astype(np.int64) < 0).any():
        raise ValueError(f"{path}: labels should be whole numbers (n,), 0 or more.")
    edges = offsets.astype(np.int64) if offsets.dtype.kind in "iu" else np.zeros(0, np.int64)
    if edges.shape != (len(labels) + 1,):
        raise ValueError(
            f"{path}: {counted(len(labels), 'label')} should have {len(labels) + 1} offsets, whole numbers; "
            f"there are {offsets.dtype} {offsets.shape}."
        )
    if (np.diff(edges) < 0).any() or edges[0] < 0 or edges[-1] > len(jpeg):
        raise ValueError(f"{path}: offsets should rise from 0 to at most {len(jpeg)}, jpeg's size.")

    def reader(start: int, stop: int) -> Callable[[], bytes]:
        return lambda: bytes(jpeg[start:stop].tobytes())

    return [
        _Entry(f"{path}, image {i}", int(label), reader(int(edges[i]), int(edges[i + 1])))
        for i, label in enumerate(labels)
    ]


# Both


def _choose_classes(
    source: Path, names: list[str] | None, count: int, wished: Sequence[str] | None
) -> list[str]:
    unnamed = names is None or all(name.isdecimal() for name in names)
    if wished is None:
        if names is not None and not (unnamed and names == [str(i) for i in range(10)]):
            return names
        if count == 10:
            return list(CIFAR10_CLASSES)
        raise ValueError(
            f"{source}: {counted(count, 'class', 'classes')} without names. Name them (classes)."
        )
    if len(set(wished)) != len(wished):
        raise ValueError(f"The classes' names should all differ: {', '.join(wished)}.")
    if names is not None and not unnamed and set(names) != set(wished):
        raise ValueError(
            f"{source}: has folders {', '.join(names)}, but the classes were to be "
            f"{', '.join(wished)}. Name the same, or let the folders name them."
        )
    if len(wished) < count:
        raise ValueError(
            f"{source}: {counted(count, 'class', 'classes')}, but {counted(len(wished), 'name')} for them."
        )
    return list(wished)


def _part_of(content: bytes, test_fraction: float) -> str:
    place = int.from_bytes(hashlib.sha256(content).digest()[:6], "big") / 2**48  # [0, 1)
    return "test" if place < test_fraction else "train"


def _decode(content: bytes) -> npt.NDArray[np.uint8]:
    """A file's image as uint8 (32, 32, 3)."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(content)) as opened:
            image: Image.Image = ImageOps.exif_transpose(opened)
            if "A" in image.getbands() or "transparency" in image.info:
                image = image.convert("RGBA")
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image)
            image = image.convert("RGB")
            if image.size != (SIDE, SIDE):
                image = ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.LANCZOS)
            return np.array(image, np.uint8)
