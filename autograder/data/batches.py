"""Writes images as CIFAR-10's python batch files, which `load_images` and other readers read."""

from __future__ import annotations

import os
import shutil
import struct
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autograder.data.course_data import BATCH_FOLDER, SIDE, Images, Labels, Pixels


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
