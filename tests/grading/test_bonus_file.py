"""A file that was handed in for a bonus: what it may be, and what a liar's file is told."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file

from autograder.errors import KitError
from autograder.grading import BonusFile, Mismatch

SHAPES = {"layer.weight": (2, 3), "layer.bias": (2,)}
RIGHT = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.tensor([0.5, -1.0])}


def handed_in(path: Path, content: bytes, max_mib: int = 1) -> BonusFile:
    path.write_bytes(content)
    return BonusFile(path, hashlib.sha256(content).hexdigest(), max_mib)


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_tensors_come_back_as_float32(tmp_path: Path, kind: torch.dtype) -> None:
    content = save({name: tensor.to(kind) for name, tensor in RIGHT.items()})
    tensors_read = handed_in(tmp_path / "net.safetensors", content).tensors(SHAPES)
    assert tensors_read.keys() == SHAPES.keys()
    for name, tensor in RIGHT.items():
        assert tensors_read[name].dtype == torch.float32
        assert torch.equal(tensors_read[name], tensor)


def test_what_a_checkpoint_says_besides_is_let_be(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_file(RIGHT, path, {"epoch": "5"})
    assert handed_in(path, path.read_bytes()).tensors(SHAPES).keys() == SHAPES.keys()


def _header(**changes: Any) -> bytes:
    """A file whose header says something else than its 32 bytes of numbers hold."""
    entries: dict[str, Any] = {
        "layer.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "layer.bias": {"dtype": "F32", "shape": [2], "data_offsets": [24, 32]},
    }
    entries |= changes
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + bytes(32)


class _Runs:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return (print, ("a pickle was run",))


_BIG = {"dtype": "F32", "shape": [2], "data_offsets": [24, 2**40]}
WRONG = {
    "nothing": (b"", "should be a safetensors file"),
    "text": (b"net.state_dict()", "should be a safetensors file"),
    "a pickle": (pickle.dumps(_Runs()), "should be a safetensors file"),
    "a header longer than the file": ((2**60).to_bytes(8, "little") + b"{}", "should be a safe"),
    "a header of lists": ((100_000).to_bytes(8, "little") + b"[" * 100_000, "should be a safe"),
    "a list": ((8).to_bytes(8, "little") + b"[1, 2, 3]"[:8] + b"]" * 8, "should be a safetensors"),
    "cut short": (save(RIGHT)[:-3], "no whole safetensors file"),
    "numbers beyond the end": (_header(**{"layer.bias": _BIG}), "no whole safetensors file"),
    "a tensor too few": (save({"layer.bias": RIGHT["layer.bias"]}), "1 are missing"),
    "a tensor too many": (save({**RIGHT, "head": torch.ones(1)}), "1 do not belong there ('head')"),
    "another shape": (save({**RIGHT, "layer.bias": torch.ones(3)}), "should have the shape (2,)"),
    "a shape that is none": (
        _header(**{"layer.bias": {"dtype": "F32", "shape": None, "data_offsets": [24, 32]}}),
        "should have the shape (2,)",
    ),
    "whole numbers": (
        save({**RIGHT, "layer.bias": torch.ones(2, dtype=torch.int64)}),
        "should be float32, float16 or bfloat16",
    ),
    "not a number": (
        save({**RIGHT, "layer.bias": torch.tensor([float("nan"), 0])}),
        "should be finite; layer.bias",
    ),
}


@pytest.mark.parametrize(("content", "said"), WRONG.values(), ids=WRONG)
def test_any_other_file_is_named_to_the_student(
    tmp_path: Path, content: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Mismatch) as caught:
        handed_in(tmp_path / "net.safetensors", content).tensors(SHAPES)
    assert said in str(caught.value)
    assert "a pickle was run" not in capsys.readouterr().out


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    with path.open("wb") as file:
        file.truncate(2**40)  # a terabyte that takes no room
    with pytest.raises(Mismatch, match="should have at most 1 MiB"):
        BonusFile(path, "too large: 1099511627776", 1).tensors(SHAPES)


def test_a_file_that_has_changed_since_is_our_trouble(tmp_path: Path) -> None:
    file = handed_in(tmp_path / "net.safetensors", save(RIGHT))
    file.path.write_bytes(save({**RIGHT, "layer.bias": torch.zeros(2)}))
    with pytest.raises(KitError, match="was changed while it was graded"):
        file.tensors(SHAPES)


def test_our_own_want_of_memory_is_our_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = handed_in(tmp_path / "net.safetensors", save(RIGHT))

    def load(_content: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr("safetensors.torch.load", load)
    with pytest.raises(MemoryError):
        file.tensors(SHAPES)


def test_a_parser_that_read_another_header_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = handed_in(tmp_path / "net.safetensors", save(RIGHT))
    other = {name: torch.zeros(9) for name in RIGHT}
    monkeypatch.setattr("safetensors.torch.load", lambda _content: other)
    with pytest.raises(Mismatch, match="not of the shape"):
        file.tensors(SHAPES)
