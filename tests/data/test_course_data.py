"""The course's images: the same everywhere, and no folder can run code or pass for a good one."""

from __future__ import annotations

import ast
import hashlib
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from autograder.data import (
    CIFAR10_CLASSES,
    DRAWN_CLASSES,
    Images,
    being_graded,
    course_data,
    draw_images,
    load_images,
    training_tools,
    write_cifar_folder,
)

BATCHES = "cifar-10-batches-py"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.delenv("AUTOGRADER_BOX", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """50 training and 20 test images in CIFAR-10's format."""
    write_cifar_folder(tmp_path, draw_images(50, 1), draw_images(20, 2), DRAWN_CLASSES)
    return tmp_path


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
        for root in (folder, folder / BATCHES, str(folder)):
            images = load_images(root, train=train)
            assert np.array_equal(images.data, data)
            assert images.targets == labels.tolist()
            assert images.classes == list(DRAWN_CLASSES)
            assert str(root) in images.source


def test_course_data_names_the_folder_where_none_is_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_DATA", str(folder))
    assert len(load_images(train=True)) == 50
    monkeypatch.setenv("COURSE_DATA", "")
    assert len(load_images(train=True)) == 2000


def test_a_limit_keeps_the_first_images_and_reads_no_further(folder: Path) -> None:
    (folder / BATCHES / "data_batch_4").write_bytes(b"damaged")
    limited = load_images(folder, train=True, limit=13)
    assert np.array_equal(limited.data, draw_images(50, 1)[0][:13])
    with pytest.raises(ValueError, match="data_batch_4"):
        load_images(folder, train=True)
    with pytest.raises(ValueError, match="at least 1"):
        load_images(folder, train=True, limit=0)


def test_being_graded_asks_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not being_graded()
    monkeypatch.setenv("AUTOGRADER_BOX", "1")
    assert being_graded()


def test_images_refuse_arrays_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="uint8"):
        Images(np.zeros((2, 3, 32, 32), np.uint8), [0, 1], "ab", "a test")
    with pytest.raises(ValueError, match="2 images, but 1 targets"):
        Images(np.zeros((2, 32, 32, 3), np.uint8), [0], "ab", "a test")


@pytest.mark.parametrize("file", [course_data, training_tools], ids=lambda file: file.__name__)
def test_files_that_travel_with_the_students_need_nothing_of_ours(file: ModuleType) -> None:
    ours = Path(str(file.__file__))
    imported = set()
    for node in ast.walk(ast.parse(ours.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        imported |= {name.split(".")[0] for name in names}
    allowed = {"numpy", "torch", "torchvision", "PIL", "matplotlib", "safetensors", "tqdm"}
    assert imported <= allowed | set(sys.stdlib_module_names)


# Other people's readers and writers


@pytest.mark.parametrize("encoding", ["latin1", "bytes"])
def test_python_reads_what_we_write_as_it_reads_the_official_files(
    folder: Path, encoding: str
) -> None:
    key: Callable[[str], Any] = str.encode if encoding == "bytes" else str
    with (folder / BATCHES / "test_batch").open("rb") as file:
        entry = pickle.load(file, encoding=encoding)
    data, labels = draw_images(20, 2)
    assert list(entry) == [key(k) for k in ("batch_label", "labels", "data", "filenames")]
    assert entry[key("data")].dtype == np.uint8
    assert np.array_equal(entry[key("data")].reshape(-1, 3, 32, 32), data.transpose(0, 3, 1, 2))
    assert entry[key("labels")] == labels.tolist()


def test_torchvision_reads_what_we_write_once_its_md5_check_is_off(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cifar = pytest.importorskip("torchvision.datasets.cifar")
    monkeypatch.setattr(cifar, "check_integrity", lambda *_: True)
    theirs = cifar.CIFAR10(folder, train=True)
    ours = load_images(folder, train=True)
    assert np.array_equal(theirs.data, ours.data)
    assert (theirs.targets, theirs.classes) == (ours.targets, ours.classes)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("keys", [str, str.encode])
@pytest.mark.parametrize("make_labels", [list, np.ndarray.tolist, np.asarray])
def test_any_pickle_of_plain_values_and_arrays_is_read(
    tmp_path: Path, protocol: int, keys: Callable[[str], Any], make_labels: Callable[[Any], Any]
) -> None:
    data, labels = draw_images(10, 3)
    rows = data.transpose(0, 3, 1, 2).reshape(10, -1)
    batch = {keys("data"): rows, keys("labels"): make_labels(labels), keys("filenames"): [b""]}
    batches = {"data_batch_1": batch, "test_batch": batch}
    contents = {**batches, "batches.meta": {keys("label_names"): [keys(n) for n in DRAWN_CLASSES]}}
    for name, value in contents.items():
        (tmp_path / name).write_bytes(pickle.dumps(value, protocol))
    images = load_images(tmp_path, train=True)
    assert np.array_equal(images.data, data)
    assert images.targets == labels.tolist()
    assert images.classes == list(DRAWN_CLASSES)


# Bad folders


class Payload:
    """A pickle of it makes a folder when it is read, as any pickle may."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.made),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["data_batch_1", "batches.meta"])
def test_a_pickle_that_calls_a_function_is_refused_and_does_not_run(
    folder: Path, protocol: int, name: str
) -> None:
    made = folder / "made-by-the-payload"
    malicious = pickle.dumps({"data": Payload(made), "label_names": ["a"]}, protocol)
    (folder / BATCHES / name).write_bytes(malicious)
    with pytest.raises(ValueError, match=rf"{name}.*refused, since it asks for \w+\.mkdir"):
        load_images(folder, train=True)
    assert not made.exists()
    pickle.loads(malicious)  # the payload works: only our reader kept it from running
    assert made.exists()


@pytest.mark.parametrize(
    "value", [np.array([Payload], object), np.zeros(2, "f8"), np.zeros(2, "i4,i4"), {1, 2}, 1j]
)
def test_a_pickle_of_anything_but_plain_values_is_refused(folder: Path, value: object) -> None:
    (folder / BATCHES / "test_batch").write_bytes(pickle.dumps({"data": value}))
    with pytest.raises(ValueError, match="test_batch"):
        load_images(folder, train=False)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1], "holds no dict"),
        ({"labels": []}, "data is not a uint8 array"),
        ({"data": np.zeros((2, 3072), np.int64), "labels": [0, 0]}, "data is not a uint8 array"),
        ({"data": np.zeros((2, 3000), np.uint8), "labels": [0, 0]}, "of 3072 bytes an image"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}, "not a list of 2 numbers from 0"),
        ({"data": np.zeros((2, 3072), np.uint8)}, "not a list of 2 numbers from 0 to 9"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 10]}, "not a list of 2 numbers"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [-1, 0]}, "not a list of 2 numbers"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [True, 0]}, "not a list of 2 numbers"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": ["cat", 1]}, "not a list of 2 numbers"),
    ],
)
def test_a_wrong_batch_is_named_with_what_is_wrong_and_what_to_do(
    folder: Path, value: object, reason: str
) -> None:
    path = folder / BATCHES / "test_batch"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(ValueError, match=reason) as caught:
        load_images(folder, train=False)
    assert str(path) in str(caught.value)
    assert "delete the folder" in str(caught.value)


def test_a_missing_batch_is_named(folder: Path) -> None:
    (folder / BATCHES / "data_batch_2").unlink()
    with pytest.raises(FileNotFoundError, match="data_batch_2: the file is missing"):
        load_images(folder, train=True)
    (folder / BATCHES / "batches.meta").unlink()
    for download in (False, True):  # what is there is never downloaded over
        with pytest.raises(FileNotFoundError, match=r"batches\.meta: the file is missing"):
            load_images(folder, train=True, download=download)


def test_a_truncated_batch_is_named(folder: Path) -> None:
    path = folder / BATCHES / "test_batch"
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ValueError, match=r"test_batch: \w+: "):
        load_images(folder, train=False)


def test_a_folder_without_images_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"COURSE_DATA.*download=True.*drawn images"):
        load_images(tmp_path, train=True)
    with pytest.raises(ValueError, match="needs a folder"):
        load_images(train=True, download=True)


def test_a_failed_download_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("torchvision.datasets")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no network")

    monkeypatch.setattr(datasets, "CIFAR10", fail)
    with pytest.raises(OSError, match=r"could not be downloaded \(no network\).*drawn images"):
        load_images(tmp_path, train=True, download=True)


# Writing


def test_the_same_images_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = write_cifar_folder(
        tmp_path / "again", draw_images(50, 1), draw_images(20, 2), DRAWN_CLASSES
    )
    for path in again.iterdir():
        assert path.read_bytes() == (folder / BATCHES / path.name).read_bytes()
    assert len(list(again.iterdir())) == 7


def test_a_folder_is_never_overwritten_and_a_failure_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = draw_images(50, 1), draw_images(20, 2)
    with pytest.raises(FileExistsError, match="is there already"):
        write_cifar_folder(folder, *sets, DRAWN_CLASSES)

    def full(*_: object) -> int:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        write_cifar_folder(folder / "new", *sets, DRAWN_CLASSES)
    assert list((folder / "new").iterdir()) == []


def test_labels_without_a_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="outside 0 to 8"):
        write_cifar_folder(tmp_path, draw_images(50, 1), draw_images(20, 2), DRAWN_CLASSES[:9])
    with pytest.raises(ValueError, match="train needs 5"):
        write_cifar_folder(tmp_path, draw_images(4, 1), draw_images(20, 2), DRAWN_CLASSES)
    assert list(tmp_path.iterdir()) == []


def test_names_in_any_script_survive(tmp_path: Path) -> None:
    names = ["Kätzchen", "বিড়াল", *DRAWN_CLASSES[2:]]
    write_cifar_folder(tmp_path, draw_images(50, 1), draw_images(20, 2), names)
    assert load_images(tmp_path, train=False).classes == names


# Real images


def test_real_images_in_cifar10s_format_load() -> None:
    root = os.environ.get("AUTOGRADER_CIFAR10")
    if not root:
        pytest.skip("set AUTOGRADER_CIFAR10 to a folder in CIFAR-10's format to test on it")
    images = load_images(root, train=False, limit=200)
    assert images.classes == list(CIFAR10_CLASSES)
    assert images.source == f"CIFAR-10 from {root}"
    assert len(set(images.targets)) == 10
    assert images.data.std() > 30
