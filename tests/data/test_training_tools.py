"""What stands around the students' functions at full size, at small sizes on the CPU."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from torch import Tensor, nn
from torchvision import models

from autograder.data import Images, draw_images
from autograder.data.training_tools import (
    Checkpoint,
    Kernels,
    MixedPrecision,
    OnDevice,
    check_weights,
    first_kernels,
    quicker,
    read_kernels,
    train,
    write_kernels,
    write_weights,
)
from autograder.graders.vgg16 import reference
from tests.course_copy import ROOT

CPU = torch.device("cpu")
SOURCE = ROOT / "source" / "vgg16"


def drawn(count: int, seed: int = 1) -> Images:
    data, labels = draw_images(count, seed)
    return Images(data, labels.tolist(), "0123456789", "drawn")


def tiny_net() -> nn.Sequential:
    torch.manual_seed(5)
    layers = (nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Dropout(0.3), nn.Conv2d(4, 4, 3))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 10))


# Loading


def test_batches_are_the_images_enlarged_and_none_is_dropped_or_repeated() -> None:
    images = drawn(23)
    pixels = torch.from_numpy(images.data).permute(0, 3, 1, 2).float() / 255
    expected = nn.functional.interpolate(pixels, size=(48, 48), mode="bilinear")
    loader = OnDevice(images, 10, CPU, side=48, progress=True)
    batches = list(loader)
    assert [len(labels) for _, labels in batches] == [10, 10, 3]
    assert len(loader) == 3
    assert len(loader.dataset.targets) == 23  # what a student may divide by
    assert torch.equal(torch.cat([pixels for pixels, _ in batches]), expected)
    assert torch.cat([labels for _, labels in batches]).tolist() == images.targets

    shuffled = OnDevice(images, 10, CPU, shuffle=True)
    passes = [torch.cat([pixels for pixels, _ in shuffled]) for _ in range(2)]
    assert not torch.equal(*passes)
    order = [images.flatten(1).sum(dim=1).sort().values for images in (*passes, pixels)]
    assert all(torch.equal(sums, order[2]) for sums in order)


def test_mixed_precision_multiplies_in_bfloat16_and_answers_in_float32() -> None:
    net = tiny_net()
    seen: list[torch.dtype] = []
    net[3].register_forward_hook(lambda _layer, _inputs, output: seen.append(output.dtype))
    mixed = quicker(net, CPU, channels_last=True, mixed_precision=True)
    assert isinstance(mixed, MixedPrecision)
    images = torch.rand(2, 3, 32, 32)
    exact, scores = net.eval()(images), mixed.eval()(images)
    assert (seen, scores.dtype) == ([torch.float32, torch.bfloat16], torch.float32)
    torch.testing.assert_close(scores, exact, rtol=0.02, atol=0.02)
    assert not torch.equal(scores, exact)
    assert [*map(id, mixed.parameters())] == [*map(id, net.parameters())]
    assert net.state_dict()["0.weight"].is_contiguous(memory_format=torch.channels_last)
    scores.sum().backward()
    assert {p.grad.dtype for p in net.parameters() if p.grad is not None} == {torch.float32}
    assert quicker(net, CPU) is net


# Going on

ABOUT = {"network": "tiny", "learning rate": 0.01}


class CutOff(Exception):
    """The session is lost."""


def run(
    path: Path | None,
    epochs: int = 3,
    lost_after: int | None = None,
    fit: Callable[..., Any] = reference.fit,
    **about: object,
) -> tuple[dict[str, Tensor], dict[str, list[float]]]:
    """A training from the start, as the notebook has it; after `lost_after` epochs nothing runs."""
    net = tiny_net()
    kept = first_kernels(net)
    calls = iter(range(lost_after if lost_after is not None else 99))

    def guarded(*args: Any) -> Any:
        if next(calls, None) is None:
            raise CutOff
        return fit(*args)

    checkpoint = None
    if path is not None:
        checkpoint = Checkpoint(path, net, ABOUT | about, (fit,), kept)
    loaders = OnDevice(drawn(40), 16, CPU, shuffle=True), OnDevice(drawn(20, 2), 16, CPU)
    history = train(guarded, quicker(net, CPU), *loaders, epochs, 0.01, CPU, checkpoint)
    return net.state_dict(), history


@pytest.fixture(scope="module")
def unbroken() -> tuple[dict[str, Tensor], dict[str, list[float]]]:
    """What one call of `fit` for all epochs leaves."""
    return run(None)


def assert_same(outcome: Any, unbroken: Any) -> None:
    assert outcome[1] == unbroken[1]
    assert all(torch.equal(outcome[0][name], value) for name, value in unbroken[0].items())


def test_a_training_that_was_cut_off_goes_on_as_if_it_had_not_been(
    tmp_path: Path, unbroken: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    for lost_after in (1, 1):  # twice, in epochs 2 and 3
        with pytest.raises(CutOff):
            run(path, lost_after=lost_after)
    assert_same(run(path), unbroken)
    file = Checkpoint(path, tiny_net(), ABOUT, (reference.fit,))
    file.load(CPU)
    assert torch.equal(file.kept["conv1"], first_kernels(tiny_net())["conv1"])
    assert_same(run(path), unbroken)  # nothing is left to do
    assert "delete it to train anew" in capsys.readouterr().out
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def changed_fit(*args: Any) -> Any:
    """A student's function, corrected since."""
    return reference.fit(*args)


def truncated(path: Path) -> dict[str, Any]:
    path.write_bytes(path.read_bytes()[:-100])
    return {}


def something_else(path: Path) -> dict[str, Any]:
    path.write_text("a text")
    return {}


def kernels_instead(path: Path) -> dict[str, Any]:
    write_kernels(path, Kernels(first_kernels(tiny_net()), first_kernels(tiny_net()), "a test"))
    return {}


def without_random_numbers(path: Path) -> dict[str, Any]:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    with safe_open(str(path), "pt") as file:
        metadata = file.metadata()
    tensors = {name: t for name, t in load_file(path).items() if name != "random.cpu"}
    save_file(tensors, path, metadata)
    return {}


def other_layers(path: Path) -> dict[str, Any]:
    """Of a network by the same name, before the student changed it."""
    Checkpoint(path, tiny_net()[:5], ABOUT, (reference.fit,)).save(
        {"train_loss": [1.0], "test_accuracy": [0.5]}, CPU
    )
    return {}


UNFIT: dict[str, tuple[Callable[[Path], dict[str, Any]], str]] = {
    "truncated": (truncated, "checkpoint.safetensors does not fit ("),
    "something else": (something_else, "checkpoint.safetensors does not fit ("),
    "kernels": (kernels_instead, "does not fit (other network than now)"),
    "no random numbers": (without_random_numbers, "does not fit ("),
    "another network": (lambda _: {"network": "alexnet"}, "does not fit (other network than now)"),
    "a function has changed": (
        lambda _: {"fit": changed_fit},
        "does not fit (other functions than now)",
    ),
    "other layers": (other_layers, "does not fit (other layers than now)"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_checkpoint_that_does_not_fit_is_named_kept_and_not_used(
    tmp_path: Path, case: str, unbroken: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    run(path, epochs=1)
    change, said = UNFIT[case]
    options = change(path)
    unfit = path.read_bytes()
    capsys.readouterr()
    assert_same(run(path, **options), unbroken)
    out = capsys.readouterr().out
    assert said in out
    assert "training starts anew, and the file is kept as checkpoint.safetensors.old" in out
    assert path.with_name(f"{path.name}.old").read_bytes() == unfit


def test_where_no_checkpoint_can_be_written_the_training_goes_on(
    tmp_path: Path, unbroken: Any, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    assert_same(run(tmp_path / "missing" / "checkpoint"), unbroken)
    assert "no checkpoint of epoch 1: " in capsys.readouterr().out
    for module in ("safetensors", "safetensors.torch"):
        monkeypatch.setitem(sys.modules, module, None)
    assert_same(run(tmp_path / "checkpoint"), unbroken)
    assert "no checkpoint of epoch 1: import of safetensors" in capsys.readouterr().out
    assert read_kernels(tmp_path / "kernels") is None
    write_kernels(tmp_path / "kernels", Kernels({}, {}, "a test"))
    assert "no file of kernels: import of safetensors" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "history", [None, (1.0, 0.5), {"train_loss": [1.0]}, {"train_loss": [1.0], "test_accuracy": []}]
)
def test_a_fit_that_returns_no_history_is_told_so(tmp_path: Path, history: object) -> None:
    for path in (None, tmp_path / "checkpoint"):
        with pytest.raises(ValueError, match=f"an epoch, not {re.escape(repr(history))}"):
            run(path, fit=lambda *_: history)


# The notebooks


class Notebook:
    """A source notebook whose cells run here, with its helper files from beside it."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        for module in ("course_data", "training_tools"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.syspath_prepend(str(SOURCE))
        monkeypatch.chdir(folder)
        monkeypatch.delenv("COURSE_DATA", raising=False)
        import course_data

        monkeypatch.setattr(course_data, "load_images", lambda *_, **__: drawn(8))
        cells = json.loads((SOURCE / f"{name}.ipynb").read_text())["cells"]
        self.code = {c["id"]: "".join(c["source"]) for c in cells if c["cell_type"] == "code"}
        self.names: dict[str, Any] = {}

    def run(self, *ids: str) -> None:
        for cell in ids:
            exec(compile(self.code[cell], cell, "exec"), self.names)
        plt.close("all")


def test_notebook_3_trains_alexnet_after_one_changed_line_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cells of the full size; here on the CPU, with few images and AlexNet's first layers alone."""

    def alexnet(num_classes: int) -> nn.Module:
        first = nn.Conv2d(3, 64, 11, stride=4), nn.ReLU(), nn.MaxPool2d(8)
        second = nn.Conv2d(64, 192, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(192, num_classes))

    book = Notebook("3_training", monkeypatch, tmp_path)
    book.run("setup-3", "pictures-3")
    pictures = [name for name in book.names if name.startswith("show_")]
    book.names |= dict.fromkeys(pictures, lambda *_: None)  # they train networks of their own
    book.run("pick-device", "make-criterion-and-optimizer", "train-epoch", "validate", "fit")
    book.run("plot-history", "choices", "data-and-network")
    assert book.names["NETWORK"] is models.vgg16
    book.names |= {"FULL_SIZE": True, "NETWORK": alexnet}
    book.run("training")
    first = capsys.readouterr().out
    assert "epoch 5: loss" in first
    assert "trained on the CPU, no GPU" in first
    assert Path("checkpoint.safetensors").stat().st_size > 0
    history = book.names["history"]
    book.run("training")
    assert book.names["history"] == history
    assert "delete it to train anew" in capsys.readouterr().out

    book = Notebook("4_kernels", monkeypatch, tmp_path)
    shown: list[Any] = []
    book.run("setup-4", "pictures-4")
    book.names["display"] = shown.append
    book.run("networks")
    out = capsys.readouterr().out
    assert "(64, 3, 11, 11) and (192, 64, 5, 5)" in out
    assert "5 epochs of alexnet in notebook 3" in out
    book.run("copy-kernels", "copy-kernels-tests", "kernel-mosaic", "channel-mosaic")
    book.run("plot-kernel-change", "change-first-layer", "change-second-layer")
    mosaics = [np.asarray(figure.axes[1].images[0].get_array()) for figure in shown[-2:]]
    assert [mosaic.shape for mosaic in mosaics] == [(88, 88, 3), (40, 40)]
    assert "test accuracy" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"damaged", None], ids=["empty", "damaged", "foreign"])
def test_notebook_4_trains_itself_where_the_kernels_cannot_be_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
) -> None:
    from safetensors.torch import save

    foreign = save({"weights": torch.zeros(2)})
    (tmp_path / "kernels.safetensors").write_bytes(foreign if content is None else content)
    book = Notebook("4_kernels", monkeypatch, tmp_path)
    book.run("setup-4", "networks")
    out = capsys.readouterr().out
    assert "kernels.safetensors cannot be used (" in out
    assert "a few seconds of training, here" in out


def test_kernels_come_back_from_their_file(tmp_path: Path) -> None:
    shapes = {"conv1": (64, 3, 3, 3), "conv2": (64, 64, 3, 3)}
    before, after = ({name: torch.rand(s) for name, s in shapes.items()} for _ in range(2))
    history = {"train_loss": [1.3], "test_accuracy": [0.5]}
    path = tmp_path / "kernels.safetensors"
    write_kernels(path, Kernels(before, after, "an epoch", history))
    kernels = read_kernels(path)
    assert kernels is not None
    assert kernels.of_vgg
    assert (kernels.said, kernels.history) == ("an epoch", history)
    for name in shapes:
        assert torch.equal(kernels.before[name], before[name])
        assert torch.equal(kernels.after[name], after[name])


def test_kernels_that_training_drove_to_infinity_are_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = first_kernels(tiny_net()), first_kernels(tiny_net())
    after["conv2"][0] = torch.nan
    write_kernels(tmp_path / "kernels", Kernels(before, after, "a test"))
    assert read_kernels(tmp_path / "kernels") is None
    assert "kernels cannot be used (not all of its numbers are finite)" in capsys.readouterr().out


# The weights to hand in


def test_weights_are_written_as_float16_and_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import load_file

    path = tmp_path / "weights.safetensors"
    check_weights(path, tiny_net)
    assert "there is no " in capsys.readouterr().out
    net = tiny_net()
    write_weights(path, net)
    assert f"weights: {path}, 0 MB" in capsys.readouterr().out
    written = load_file(path)
    assert {name: t.dtype for name, t in written.items()} == dict.fromkeys(written, torch.float16)
    assert all(torch.equal(t.half(), written[name]) for name, t in net.state_dict().items())
    check_weights(path, tiny_net)
    assert f"{path} fits, 0 MB" in capsys.readouterr().out


def integers(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.int() for name, tensor in net.state_dict().items()}


def one_more(net: nn.Module) -> dict[str, Tensor]:
    return {**net.state_dict(), "another": torch.zeros(2)}


def one_less(net: nn.Module) -> dict[str, Tensor]:
    return {name: t for name, t in net.state_dict().items() if name != "0.bias"}


def another_shape(net: nn.Module) -> dict[str, Tensor]:
    return {**net.state_dict(), "0.bias": torch.zeros(5)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (integers, "floating point"),
        (one_more, "another"),
        (one_less, "0.bias"),
        (another_shape, "0.bias"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[nn.Module], dict[str, Tensor]],
    reason: str,
) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "weights.safetensors"
    save_file(change(tiny_net()), path)
    check_weights(path, tiny_net)
    out = capsys.readouterr().out
    assert f"{path} does not fit: " in out
    assert reason in out
    path.write_bytes(b"damaged")
    check_weights(path, tiny_net)
    assert f"{path} does not fit: " in capsys.readouterr().out
