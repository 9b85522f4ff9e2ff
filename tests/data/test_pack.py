"""Packing: any folder of labelled images becomes train.npz and test.npz, or is told why not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from autograder.data import CIFAR10_CLASSES, draw_images, load_images, pack_images


def save(path: Path, colour: tuple[int, ...], size: tuple[int, int] = (32, 32)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour).save(path)


def tree(root: Path, names: tuple[str, ...] = ("cat", "dog"), count: int = 5) -> None:
    """`count` images a class; class c has red = 100 * c."""
    for c, name in enumerate(names):
        for i in range(count):
            save(root / name / f"{i}.png", (100 * c % 256, i, len(root.name)))


def archive(path: Path, count: int, seed: int, **changes: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images, labels = draw_images(count, seed)
    files = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")  # lossless, so that pixels can be compared
        files.append(file.getvalue())
    arrays = {
        "jpeg": np.frombuffer(b"".join(files), np.uint8),
        "offsets": np.cumsum([0, *map(len, files)]).astype(np.uint32),
        "labels": labels.astype(np.uint8),
    }
    np.savez(path, **(arrays | changes))  # type: ignore[arg-type]


def test_a_tree_with_parts_keeps_them_and_names_the_classes(tmp_path: Path) -> None:
    tree(tmp_path / "in/train", count=6)
    tree(tmp_path / "in/test")
    packed = pack_images(tmp_path / "in", tmp_path / "out")
    assert packed.classes == ("cat", "dog")
    assert (packed.train_count, packed.test_count, packed.skipped) == (12, 10, ())
    train, test = (load_images(tmp_path / "out", train=part) for part in (True, False))
    assert train.classes == ["cat", "dog"]
    assert train.targets == [0, 1] * 6  # every prefix is mixed
    assert [pixel[0] for pixel in train.data[:, 0, 0]] == [0, 100] * 6
    assert {pixel[2] for pixel in test.data[:, 0, 0]} == {len("test")}


def test_a_tree_without_parts_is_split_by_the_files_content(tmp_path: Path) -> None:
    tree(tmp_path / "in", count=100)
    packed = pack_images(tmp_path / "in", tmp_path / "out", test_fraction=0.25)
    assert packed.train_count + packed.test_count == 200
    assert 30 < packed.test_count < 70
    test = load_images(tmp_path / "out", train=False)

    for path in (tmp_path / "in/cat").iterdir():  # other names, and one more image
        path.rename(path.with_name(f"renamed-{path.name}"))
    save(tmp_path / "in/cat/another.png", (9, 9, 9))
    pack_images(tmp_path / "in", tmp_path / "again", test_fraction=0.25)
    again = load_images(tmp_path / "again", train=False)
    before, after = ({image.tobytes() for image in images.data} for images in (test, again))
    assert before <= after
    assert len(after) <= len(before) + 1


def test_packing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    tree(tmp_path / "in", count=40)
    one, two = (pack_images(tmp_path / "in", tmp_path / name).folder for name in ("a", "b"))
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes()


def test_images_of_any_size_and_kind_become_32_by_32_rgb(tmp_path: Path) -> None:
    tree(tmp_path / "in/train")
    tree(tmp_path / "in/test", count=4)
    wide = Image.new("RGB", (300, 100), (255, 0, 0))
    wide.paste((0, 0, 255), (90, 0, 210, 100))  # only the middle square stays
    wide.save(tmp_path / "in/test/cat/wide.bmp")
    save(tmp_path / "in/test/dog/clear.png", (0, 0, 0, 0), (64, 64))
    Image.new("L", (10, 10), 77).save(tmp_path / "in/test/dog/grey.png")
    (tmp_path / "in/test/dog/notes.txt").write_text("passed over")
    (tmp_path / "in/test/dog/.hidden.png").write_text("passed over")
    assert pack_images(tmp_path / "in", tmp_path / "out").test_count == 11
    test = load_images(tmp_path / "out", train=False)
    colours = {tuple(image.reshape(-1, 3).mean(0).round().astype(int)) for image in test.data}
    assert {(0, 0, 255), (255, 255, 255), (77, 77, 77)} <= colours


def test_a_broken_image_is_refused_by_name_or_skipped_by_name(tmp_path: Path) -> None:
    tree(tmp_path / "in/train")
    tree(tmp_path / "in/test")
    broken = tmp_path / "in/train/cat/broken.png"
    broken.write_bytes((tmp_path / "in/train/cat/0.png").read_bytes()[:60])
    with pytest.raises(ValueError, match=r"cat/broken\.png: not a readable image"):
        pack_images(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    packed = pack_images(tmp_path / "in", tmp_path / "out", skip_broken=True)
    assert packed.train_count == 10
    assert [str(broken) in line for line in packed.skipped] == [True]


def test_numbered_folders_take_the_given_names_or_cifar10s(tmp_path: Path) -> None:
    for part in ("train", "test"):
        tree(tmp_path / "ten" / part, tuple(map(str, range(10))), count=2)
        tree(tmp_path / "three" / part, ("0", "1", "10"))
    assert pack_images(tmp_path / "ten", tmp_path / "a").classes == CIFAR10_CLASSES
    assert pack_images(tmp_path / "three", tmp_path / "b").classes == ("0", "1", "10")
    named = pack_images(tmp_path / "three", tmp_path / "c", classes=["x", "y", "z"])
    assert named.classes == ("x", "y", "z")
    with pytest.raises(ValueError, match="3 classes, but 2 names"):
        pack_images(tmp_path / "three", tmp_path / "d", classes=["x", "y"])


def test_given_names_order_named_folders(tmp_path: Path) -> None:
    for part in ("train", "test"):
        tree(tmp_path / "in" / part)
    pack_images(tmp_path / "in", tmp_path / "out", classes=["dog", "cat"])
    test = load_images(tmp_path / "out", train=False)
    assert test.classes == ["dog", "cat"]
    assert [int(image[0, 0, 0]) for image in test.data] == [100 * (1 - t) for t in test.targets]
    with pytest.raises(ValueError, match=r"has folders cat, dog, but .* cat, cow"):
        pack_images(tmp_path / "in", tmp_path / "new", classes=["cat", "cow"])
    with pytest.raises(ValueError, match="should all differ"):
        pack_images(tmp_path / "in", tmp_path / "new", classes=["cat", "cat"])


def test_archives_are_unpacked_in_their_order(tmp_path: Path) -> None:
    archive(tmp_path / "in/train.npz", 30, seed=1)
    archive(tmp_path / "in/test.npz", 10, seed=2)
    packed = pack_images(tmp_path / "in", tmp_path / "out")
    assert packed.classes == CIFAR10_CLASSES
    for train, (data, labels) in ((True, draw_images(30, 1)), (False, draw_images(10, 2))):
        images = load_images(tmp_path / "out", train=train)
        assert np.array_equal(images.data, data)
        assert images.targets == labels.tolist()


def test_a_single_archive_is_split(tmp_path: Path) -> None:
    archive(tmp_path / "all.npz", 100, seed=1)
    packed = pack_images(tmp_path / "all.npz", tmp_path / "out", test_fraction=0.5)
    assert packed.train_count + packed.test_count == 100
    assert 25 < packed.test_count < 75


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"jpeg": np.zeros((2, 2), np.uint8)}, r"jpeg should be uint8 \(bytes,\)"),
        ({"labels": np.zeros(10, np.float32)}, "labels should be whole numbers"),
        ({"labels": np.full(10, -1)}, "labels should be whole numbers"),
        ({"labels": np.zeros(9, np.uint8)}, "9 labels should have 10 offsets"),
        ({"offsets": np.zeros(11)}, "10 labels should have 11 offsets"),
        ({"offsets": np.arange(11)[::-1].copy()}, "offsets should rise"),
        ({"offsets": np.arange(11) * 10**9}, "offsets should rise"),
        ({"jpeg": np.zeros(10**5, np.uint8)}, r"bad\.npz, image 0: not a readable image"),
        ({"jpeg": np.array([open])}, "not an .npz archive"),
        ({"labels": np.zeros(10, np.uint8)}, r"1 class without names\. Name them"),
    ],
)
def test_a_bad_archive_is_named(
    tmp_path: Path, changes: dict[str, np.ndarray], reason: str
) -> None:
    archive(tmp_path / "bad.npz", 10, seed=1, **changes)
    with pytest.raises(ValueError, match=reason) as caught:
        pack_images(tmp_path / "bad.npz", tmp_path / "out")
    assert "bad.npz" in str(caught.value)


def test_a_source_that_cannot_be_packed_says_why(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder or archive"):
        pack_images(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "notes.npz").write_text("text")
    with pytest.raises(ValueError, match=r"notes\.npz: not an \.npz archive"):
        pack_images(tmp_path / "notes.npz", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no folders in it"):
        pack_images(tmp_path / "empty", tmp_path / "out")
    tree(tmp_path / "in/train")
    with pytest.raises(FileNotFoundError, match="in/test: missing"):
        pack_images(tmp_path / "in", tmp_path / "out")
    tree(tmp_path / "in/test", ("cat", "cow"))
    with pytest.raises(ValueError, match="test has classes that train has not: cow"):
        pack_images(tmp_path / "in", tmp_path / "out")
    tree(tmp_path / "few", count=1)
    with pytest.raises(ValueError, match="5 are the least"):
        pack_images(tmp_path / "few", tmp_path / "out")
    with pytest.raises(ValueError, match="between 0 and 1"):
        pack_images(tmp_path / "few", tmp_path / "out", test_fraction=1)


def test_packed_images_are_never_overwritten(tmp_path: Path) -> None:
    for part in ("train", "test"):
        tree(tmp_path / "in" / part)
    pack_images(tmp_path / "in", tmp_path / "out")
    with pytest.raises(FileExistsError, match="is there already"):
        pack_images(tmp_path / "in", tmp_path / "out")
