"""Which device hidden tests get, without a GPU: what NVML, torch and the box answer are stand-ins."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pynvml
import pytest
import torch

from autograder.calibration.runs import images_on_a_gpu
from autograder.data import DRAWN_CLASSES, draw_images, load_images, write_images
from autograder.errors import KitError, LimitHit, StudentRaised
from autograder.grading import Device
from autograder.judge import device as engine
from autograder.judge.device import device_for
from autograder.judge.training_data import box_data, judge_images
from autograder.sandbox import BoxSettings
from autograder.scorecard import Scorecard, merge
from tests.benchmarks import gpu_slots, same_marks
from tests.test_scorecard import card

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


def test_a_submission_is_on_a_gpu_if_one_of_its_notebooks_is() -> None:
    on_gpu = Scorecard("assignment", "ada", card("b").notebooks, device="A GPU")
    assert merge([on_gpu, card("a")]).device == merge([card("a"), on_gpu]).device == "A GPU"
    assert merge([card("a"), card("b")]).device == "cpu"


def test_the_judges_images_are_the_courses_test_images_and_not_the_boxs(tmp_path: Path) -> None:
    pixels, labels = draw_images(516, 1)
    write_images(
        tmp_path / "images",
        DRAWN_CLASSES,
        train=(pixels[:506], labels[:506]),
        test=(pixels[506:], labels[506:]),
    )
    settings = SimpleNamespace(data_directory="images")
    course: Any = SimpleNamespace(
        root=tmp_path, settings=settings, make_records=lambda: tmp_path / "records"
    )
    for _ in range(2):  # made, and found
        hidden, seen = judge_images(course), box_data(course)
        assert hidden is not None
        assert np.array_equal(load_images(hidden, train=True).data, pixels[506:])
        assert seen is not None
        assert np.array_equal(load_images(seen, train=True).data, pixels[:6])
        assert np.array_equal(load_images(seen, train=False).data, pixels[6:506])
    settings.data_directory = ""
    assert judge_images(course) is None


def test_thresholds_of_a_gpu_are_not_made_without_one(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    course: Any = SimpleNamespace(root=tmp_path)
    with pytest.raises(KitError, match="nothing was run"):
        images_on_a_gpu(course, None)
    with pytest.raises(KitError, match="Leave --cifar10 out"):
        images_on_a_gpu(course, tmp_path)


@pytest.mark.parametrize("benchmark", [gpu_slots, same_marks], ids=["gpu_slots", "same_marks"])
def test_without_a_gpu_a_benchmark_of_one_has_no_figures(
    benchmark: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert benchmark.main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "nothing was" in said.err


def test_submissions_a_minute_leave_out_what_each_workers_first_took() -> None:
    assert gpu_slots.per_minute([50.0, 60.0, 63.0, 66.0, 69.0, 72.0], 2) == 60 * 4 / 12
