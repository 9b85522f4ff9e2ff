"""Which device hidden tests get, without a GPU: what NVML, torch and the box answer are stand-ins."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
import torch

from autograder.engine import device as engine
from autograder.engine.device import device_for
from autograder.errors import LimitHit, StudentRaised
from autograder.grading import Device
from autograder.sandbox import BoxSettings
from autograder.scorecard import Scorecard, merge
from tests.engine.test_scorecard_form import card

FIRST, SECOND = (str(uuid.UUID(int=number)) for number in (1, 2))


class Answering:
    """A box that gives one answer to every probe."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def ask(self, *_: Any, **__: Any) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """nvidia-smi counts them one way, torch the other."""
    by_nvml = {0: f"GPU-{FIRST}", 1: f"GPU-{SECOND}"}
    found = {n: SimpleNamespace(handle=n, name=f"NVML's {n}") for n in by_nvml}
    abouts = [SimpleNamespace(uuid=uuid.UUID(one), name=f"GPU {one}") for one in (SECOND, FIRST)]
    monkeypatch.setattr(engine, "find_gpu", found.__getitem__)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetUUID", by_nvml.__getitem__)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(abouts))
    monkeypatch.setattr(torch.cuda, "get_device_properties", abouts.__getitem__)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(("gpu", "number"), [(0, 1), (1, 0)])
def test_the_judge_takes_the_gpu_that_the_box_has_however_it_is_counted(
    gpu: int, number: int
) -> None:
    found = device_for(BoxSettings(gpu=gpu), Answering(2.0))
    assert (found.name, found.number, found.names) == ("cuda", number, ("cpu", "cuda"))
    assert found.title == f"GPU {(FIRST, SECOND)[gpu]}"


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_that_the_judge_does_not_see_leaves_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    found = device_for(BoxSettings(gpu=0), Answering(2.0))
    assert found.names == ("cpu",)
    assert "CUDA_VISIBLE_DEVICES" in found.why


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    "answer",
    [
        StudentRaised("RuntimeError", "No CUDA GPUs are available", ""),
        LimitHit("memory_mib", "it used more"),
        *(None, "2.0", 3.0, torch.tensor(2.0)),
    ],
    ids=["raised", "limit", "none", "text", "wrong", "tensor"],
)
def test_a_notebook_that_cannot_use_its_gpu_is_judged_as_on_a_cpu_runner(answer: Any) -> None:
    found = device_for(BoxSettings(gpu=1), Answering(answer))
    assert (found.names, found.title) == (("cpu",), "cpu")
    assert "beside this notebook" in found.why


def test_without_a_gpu_nothing_is_asked_and_nothing_explained() -> None:
    assert device_for(BoxSettings(), Answering(StudentRaised("E", "asked", ""))) == Device()


def test_a_hand_in_is_on_a_gpu_if_one_of_its_notebooks_is() -> None:
    on_gpu = Scorecard("assignment", "ada", card("b").notebooks, device="A GPU")
    assert merge([on_gpu, card("a")]).device == merge([card("a"), on_gpu]).device == "A GPU"
    assert merge([card("a"), card("b")]).device == "cpu"
