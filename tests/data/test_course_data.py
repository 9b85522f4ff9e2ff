"""The course's images: the same everywhere, and no folder can run code or pass for a good one."""

from __future__ import annotations

import ast
import hashlib
import os
import pickle
import shutil
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from autograder.data import (
    CIFAR10_CLASSES,
    DRAWN_CLASSES,
    being_graded,
    course_data,
    draw_images,
    load_images,
    training_tools,
    write_images,
)

BATCHES = "cifar-10-batches-py"
FILES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.delenv("AUTOGRADER_BOX", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """50 training and 20 test images."""
    return write_images(tmp_path / "own", DRAWN_CLASSES, draw_images(50, 1), draw_images(20, 2))


# Drawn images


@pytest.mark.parametrize(
    ("count", "seed", "digest"),
    [
        (40, 7, "2a8eddd7d2078d3bdac0cc128ec53d9c324c6518a5d827d9c32416f27aad612a"),
        (1003, 2**80, "de3f3d6142226e6e11e675c5800158cff0a178d87f11a892fa51db3b4cd64099"),
    ],
)
def test_a_seed_draws_the_same_bits_on_every_machine(count: int, seed: int, digest: str) -> None:
    images, labels = draw_images(count, seed)
    assert hashlib.sha256(images.tobytes() + labels.astype("<i8").tobytes()).hexdigest() == digest


def test_drawn_images_have_the_shapes_and_types_of_cifar10_and_balanced_labels() -> None:
    images, labels = draw_images(203, 5)
    assert images.shape == (203, 32, 32, 3)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert sorted(np.bincount(labels, minlength=10)) == [20] * 7 + [21] * 3
    assert list(labels[:10]) != sorted(labels[:10])
    assert len(DRAWN_CLASSES) == len(set(DRAWN_CLASSES)) == 10


def test_another_seed_draws_other_images() -> None:
    one, two = draw_images(100, 1)[0], draw_images(100, 2)[0]
    assert len({image.tobytes() for image in (*one, *two)}) == 200


def test_no_class_has_a_colour_or_a_polarity_of_its_own() -> None:
    images, labels = draw_images(2000, 11)
    for number in range(10):
        mean = images[labels == number].mean(axis=(0, 1, 2))  # (3,)
        assert np.abs(mean - images.mean(axis=(0, 1, 2))).max() < 20


def test_drawing_nothing_gives_nothing_and_negative_numbers_are_refused() -> None:
    assert draw_images(0, 1)[0].shape == (0, 32, 32, 3)
    for count, seed in ((-1, 0), (1, -1)):
        with pytest.raises(ValueError, match="0 or more"):
            draw_images(count, seed)


# Loading


def test_without_a_folder_the_drawn_images_are_loaded() -> None:
    train, test = load_images(train=True), load_images(train=False)
    assert (len(train), len(test)) == (2000, 500)
    assert train.source == "drawn images (no download)"
    assert train.classes == list(DRAWN_CLASSES)
    assert not {image.tobytes() for image in train.data} & {image.tobytes() for image in test.data}
    assert np.array_equal(load_images(train=True, limit=7).data, train.data[:7])


def test_an_item_is_a_pil_image_or_what_the_transform_makes_of_it() -> None:
    image, label = load_images(train=False, limit=3)[1]
    assert isinstance(image, Image.Image)
    assert (image.mode, image.size, type(label)) == ("RGB", (32, 32), int)
    sizes = load_images(train=False, limit=3, transform=lambda image: image.size)
    assert [sizes[i] for i in range(3)] == [((32, 32), target) for target in sizes.targets]


def test_a_folder_gives_back_what_was_written(folder: Path) -> None:
    for train, (data, labels) in ((True, draw_images(50, 1)), (False, draw_images(20, 2))):
        for root in (folder, str(folder)):
            images = load_images(root, train=train, download=True)  # there is no need of it
            assert np.array_equal(images.data, data)
            assert images.targets == labels.tolist()
            assert {type(target) for target in images.targets} == {int}
            assert images.classes == list(DRAWN_CLASSES)
            assert images.source == f"images from {folder}"


def test_course_data_names_the_folder_where_none_is_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_DATA", str(folder))
    assert len(load_images(train=True)) == 50
    monkeypatch.setenv("COURSE_DATA", "")
    assert len(load_images(train=True)) == 2000


def test_a_limit_keeps_the_first_images(folder: Path) -> None:
    limited = load_images(folder, train=True, limit=13)
    assert np.array_equal(limited.data, draw_images(50, 1)[0][:13])
    assert limited.targets == draw_images(50, 1)[1][:13].tolist()
    with pytest.raises(ValueError, match="at least 1"):
        load_images(folder, train=True, limit=0)


def test_being_graded_asks_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not being_graded()
    monkeypatch.setenv("AUTOGRADER_BOX", "1")
    assert being_graded()


@pytest.mark.parametrize("file", [course_data, training_tools], ids=lambda file: file.__name__)
def test_files_that_travel_with_the_students_need_nothing_of_ours(file: ModuleType) -> None:
    ours = Path(str(file.__file__))
    imported = set()
    for node in ast.walk(ast.parse(ours.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        imported |= {name.split(".")[0] for name in names}
    allowed = {"numpy", "torch", "torchvision", "PIL", "matplotlib", "safetensors", "tqdm"}
    allowed |= {
        "matplotlib_inline"
    }  # of every Jupyter kernel for Python, and done without elsewhere
    assert imported <= allowed | set(sys.stdlib_module_names)


# CIFAR-10 by torchvision


@pytest.fixture
def official(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in CIFAR-10's format, whose MD5 sums stand for the official ones."""
    cifar = pytest.importorskip("torchvision.datasets").CIFAR10
    pixels, labels = draw_images(60, 3)
    batches = folder.parent / "official" / BATCHES
    batches.mkdir(parents=True)
    sums = {}
    for i, name in enumerate((*FILES, "test_batch", "batches.meta")):
        rows = slice(10 * i, 10 * i + 10)
        data = pixels[rows].transpose(0, 3, 1, 2).reshape(-1, 3 * 32 * 32)
        batch = {"data": data, "labels": labels[rows].tolist()}
        content = {"label_names": list(CIFAR10_CLASSES)} if name == "batches.meta" else batch
        (batches / name).write_bytes(pickle.dumps(content, 2))
        sums[name] = hashlib.md5((batches / name).read_bytes()).hexdigest()
    monkeypatch.setattr(cifar, "train_list", [[name, sums[name]] for name in FILES])
    monkeypatch.setattr(cifar, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(cifar, "meta", {**cifar.meta, "md5": sums["batches.meta"]})
    return batches.parent


def test_the_official_files_are_read_through_torchvision(official: Path) -> None:
    pixels, labels = draw_images(60, 3)
    for train, rows in ((True, slice(50)), (False, slice(50, None))):
        for root in (official, official / BATCHES, str(official)):
            images = load_images(root, train=train)
            assert np.array_equal(images.data, pixels[rows])
            assert images.targets == labels[rows].tolist()
            assert images.classes == list(CIFAR10_CLASSES)
            assert images.source == f"CIFAR-10 from {root}"
    assert len(load_images(official, train=True, limit=13)) == 13


class Payload:
    """A pickle of it makes a folder when it is read, as any pickle may."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.made),)


@pytest.mark.parametrize("name", [*FILES, "test_batch", "batches.meta"])
@pytest.mark.parametrize("download", [False, True])
def test_a_file_that_is_not_the_official_one_is_refused_and_does_not_run(
    official: Path, name: str, download: bool
) -> None:
    path = official / BATCHES / name
    path.write_bytes(pickle.dumps({"data": Payload(official / "made-by-the-payload")}))
    before = path.read_bytes()
    for train in (True, False):
        with pytest.raises(OSError, match=r"nor the official CIFAR-10.*damaged cifar-10-batch"):
            load_images(official, train=train, download=download)
    assert not (official / "made-by-the-payload").exists()
    assert path.read_bytes() == before  # what is there is never downloaded over
    pickle.loads(before)  # the payload works: only the check kept it from running
    assert (official / "made-by-the-payload").exists()


def test_a_missing_file_of_the_official_ones_is_told(official: Path) -> None:
    (official / BATCHES / "data_batch_2").unlink()
    with pytest.raises(OSError, match="nor the official CIFAR-10"):
        load_images(official, train=True, download=True)


# Bad folders

TWO = np.zeros((2, 32, 32, 3), np.uint8)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"images": TWO.astype(np.int64)}, r"images should be uint8 \(n, 32, 32, 3\), not int64"),
        ({"images": np.zeros((2, 3, 32, 32), np.uint8)}, r"not uint8 \(2, 3, 32, 32\)"),
        ({"images": TWO[0]}, r"not uint8 \(32, 32, 3\)"),
        ({"labels": [0]}, "labels should be 2 whole numbers from 0 to 1"),
        ({"labels": [[0], [1]]}, "labels should be 2 whole numbers"),
        ({"labels": [0, 2]}, "labels should be 2 whole numbers"),
        ({"labels": [-1, 0]}, "labels should be 2 whole numbers"),
        ({"labels": [0.0, 1.0]}, "labels should be 2 whole numbers"),
        ({"labels": [True, False]}, "labels should be 2 whole numbers"),
        ({"labels": ["a", "b"]}, "labels should be 2 whole numbers"),
        ({"classes": [1, 2]}, r"classes should be names, not \[1, 2\]"),
        ({"classes": [b"a", b"b"]}, "classes should be names, not"),
        ({"classes": []}, "labels should be 2 whole numbers"),
        ({"labels": 3}, "labels should be 2 whole numbers"),
        ({"classes": ["a"]}, "labels should be 2 whole numbers from 0 to 0"),
        ({"classes": np.array([Payload(Path("x"))])}, "Object arrays cannot be loaded"),
    ],
)
def test_an_archive_of_other_arrays_is_named_with_what_is_wrong(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    arrays: dict[str, Any] = {"images": TWO, "labels": [0, 1], "classes": ["a", "b"]}
    np.savez(tmp_path / "train.npz", **arrays)
    assert load_images(tmp_path, train=True).targets == [0, 1]
    np.savez(tmp_path / "train.npz", **(arrays | changes))
    with pytest.raises(ValueError, match=reason) as caught:
        load_images(tmp_path, train=True)
    assert str(caught.value).startswith(str(tmp_path / "train.npz"))
    assert str(caught.value).endswith("Pack the images again.")


def test_an_archive_without_one_of_the_arrays_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "test.npz", images=TWO, labels=[0, 1])
    with pytest.raises(ValueError, match=r"test\.npz: damaged, or other arrays .* 'classes"):
        load_images(tmp_path, train=False)


@pytest.mark.parametrize("kind", ["truncated", "one bit", "text", "empty", "npy", "a pickle"])
def test_a_damaged_archive_is_named(folder: Path, kind: str) -> None:
    path = folder / "test.npz"
    whole = bytearray(path.read_bytes())
    content = bytes(whole[:-5000])
    if kind == "one bit":
        whole[5000] ^= 1
        content = bytes(whole)
    elif kind == "text":
        content = b"a text"
    elif kind == "empty":
        content = b""
    elif kind == "npy":
        np.save(folder / "array.npy", TWO)
        content = (folder / "array.npy").read_bytes()
    elif kind == "a pickle":
        content = pickle.dumps(Payload(folder / "made"))
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"test\.npz: damaged, or other arrays"):
        load_images(folder, train=False)
    assert not (folder / "made").exists()
    assert len(load_images(folder, train=True)) == 50


def test_a_missing_part_is_named(folder: Path) -> None:
    (folder / "test.npz").unlink()
    for download in (False, True):  # what is there is never downloaded over
        with pytest.raises(FileNotFoundError, match=r"own/test\.npz"):
            load_images(folder, train=False, download=download)


def test_a_folder_without_images_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"COURSE_DATA.*download=True.*drawn images"):
        load_images(tmp_path, train=True)
    with pytest.raises(ValueError, match="needs a folder"):
        load_images(train=True, download=True)


def test_a_failed_download_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cifar = pytest.importorskip("torchvision.datasets").CIFAR10

    def fail(_: object) -> None:
        raise RuntimeError("no network")

    monkeypatch.setattr(cifar, "download", fail)
    with pytest.raises(OSError, match=r"nor the official CIFAR-10 \(no network\).*drawn images"):
        load_images(tmp_path, train=True, download=True)


def test_a_download_is_what_is_read(
    official: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cifar = pytest.importorskip("torchvision.datasets").CIFAR10
    calls = []

    def download(self: Any) -> None:
        calls.append(self.root)
        shutil.copytree(official, self.root, dirs_exist_ok=True)

    monkeypatch.setattr(cifar, "download", download)
    for _ in range(2):  # fetched, and there
        assert len(load_images(tmp_path / "new", train=False, download=True)) == 10
    assert calls == [str(tmp_path / "new")]


# Writing


def test_the_same_images_give_the_same_bytes_whenever_they_are_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.time() + 1e6
    monkeypatch.setattr(time, "time", lambda: later)
    (train, labels), test = draw_images(50, 1), draw_images(20, 2)
    other_layout = np.asfortranarray(train), labels.tolist()
    again = write_images(tmp_path / "again", DRAWN_CLASSES, other_layout, test)
    for path in again.iterdir():
        assert path.read_bytes() == (folder / path.name).read_bytes()
    assert sorted(path.name for path in again.iterdir()) == ["test.npz", "train.npz"]


def test_a_folder_is_never_overwritten_and_a_failure_leaves_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = draw_images(50, 1), draw_images(20, 2)
    with pytest.raises(FileExistsError, match="is there already"):
        write_images(folder, DRAWN_CLASSES, *sets)
    (tmp_path / "empty").mkdir()
    assert (
        len(load_images(write_images(tmp_path / "empty", DRAWN_CLASSES, *sets), train=True)) == 50
    )

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space left"):
        write_images(tmp_path / "new" / "images", DRAWN_CLASSES, *sets)
    assert list((tmp_path / "new").iterdir()) == []


def test_of_two_who_write_at_once_the_second_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = draw_images(5, 1)
    rename = Path.rename

    def overtaken(unfinished: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        write_images(target, DRAWN_CLASSES, part)
        return rename(unfinished, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    with pytest.raises(FileExistsError, match="is there already"):
        write_images(tmp_path / "images", DRAWN_CLASSES, part)
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_what_does_not_fit_together_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="labels should be 50 whole numbers from 0 to 8"):
        write_images(tmp_path / "images", DRAWN_CLASSES[:9], draw_images(50, 1))
    with pytest.raises(ValueError, match="no test images"):
        write_images(tmp_path / "images", DRAWN_CLASSES, draw_images(4, 1), draw_images(0, 2))
    with pytest.raises(ValueError, match="images should be uint8"):
        write_images(tmp_path / "images", "ab", (np.zeros((2, 3, 32, 32), np.uint8), [0, 1]))
    assert list(tmp_path.iterdir()) == []


def test_names_in_any_script_survive(tmp_path: Path) -> None:
    names = ["Kätzchen", "বিড়াল", *DRAWN_CLASSES[2:]]
    write_images(tmp_path / "images", names, draw_images(50, 1))
    loaded = load_images(tmp_path / "images", train=True).classes
    assert loaded == names
    assert {type(name) for name in loaded} == {str}


# Real images


def test_the_real_cifar10_loads() -> None:
    root = os.environ.get("AUTOGRADER_CIFAR10")
    if not root:
        pytest.skip("set AUTOGRADER_CIFAR10 to a folder of CIFAR-10 to test on it")
    images = load_images(root, train=False, limit=200)
    assert images.classes == list(CIFAR10_CLASSES)
    assert images.source == f"CIFAR-10 from {root}"
    assert len(set(images.targets)) == 10
    assert images.data.std() > 30
