"""Training checks and devices: the stand-in for a GPU, and what is asked where there is one."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import torch

from autograder.graders.vgg16 import full_run, tasks
from autograder.graders.vgg16 import test_3_training as test_3
from autograder.grading import Challenge, Device, Probe, Student
from autograder.grading.training import Drawn, epoch_probes, fit_probes, steady, validation_probes
from autograder.grading.training.placement import gpu_or_stand_in
from tests.cases.judging import REFERENCE
from tests.graders.fake_box import FakeBox

# It has the names of a GPU and computes on the CPU, so that what is asked twice is seen here.
STAND_IN = Device("cpu", "A stand-in", 0)
CHALLENGE = Challenge(b"device", "a", "b")
DRAWN = tasks.EPOCH.draw(CHALLENGE, norm=True, learning_rate=0.1)
FIT = tasks.fit_challenge(CHALLENGE, 1)


def placement(student: Student, ask: Probe, drawn: Drawn) -> Any:
    """Where things lie, by a placement probe and without a GPU."""
    return student.run(drawn.task.probe(ask), drawn=drawn.data, real=False)


def of_an_epoch(student: Student) -> Any:
    return placement(student, epoch_probes.epoch_placement, DRAWN)


STYLES = {
    "by_to": ("images.to(device)", "labels.to(device)", True),
    "by_cuda": ("images.cuda()", "labels.cuda()", True),
    "by_name": ("images.to('cuda')", "labels.to(device='cuda:0')", True),
    "before_other_steps": ("(images.to(device) * 1)", "labels.to(device).long()", True),
    "where_the_network_is": (
        "images.to(next(net.parameters()).device)",
        "labels.to(images.device if images.is_cuda else device)",
        True,
    ),
    "made_there": (
        "torch.tensor(images.tolist(), device=device)",
        "torch.as_tensor(labels.tolist(), device=device)",
        True,
    ),
    "in_variables": ("Variable(images.to(device))", "Variable(labels.to(device))", True),
    "in_parameters": ("nn.Parameter(images.to(device))", "Parameter(labels.cuda(), False)", True),
    "as_a_subclass": (
        "images.to(device).as_subclass(Mine)",
        "labels.to(device).as_subclass(Mine)",
        True,
    ),
    "set_to_it": (
        "torch.empty(0).set_(images.cuda())",
        "labels.cuda().detach().set_(labels.cuda())",
        True,
    ),
    "mapped": ("torch.func.vmap(torch.neg)(-images.to(device))", "labels.to(device)", True),
    "by_its_data": ("by_data(images, device)", "by_data(labels, device)", True),
    "moved_for_nothing": ("(images.to(device), images)[1]", "(labels.cuda(), labels)[1]", False),
    "in_variables_only": ("Variable(images)", "nn.Parameter(labels, False)", False),
    "copied_back": (
        "torch.empty_like(images).copy_(images.to(device))",
        "torch.zeros_like(labels).copy_(labels.cuda())",
        False,
    ),
    "not_at_all": ("images", "labels", False),
    "to_the_cpu": ("images.to(device).cpu()", "labels.to(device).to('cpu')", False),
}

MORE = """
from torch.autograd import Variable
from torch.nn import Parameter

class Mine(torch.Tensor):
    pass

def by_data(tensor, device):
    tensor = tensor.clone()
    tensor.data = tensor.data.to(device)
    return tensor
"""


@pytest.mark.parametrize(("images", "labels", "moved"), STYLES.values(), ids=STYLES)
def test_the_stand_in_sees_whether_a_batch_was_moved(images: str, labels: str, moved: bool) -> None:
    cells = REFERENCE.replace("images.to(device)", images).replace("labels.to(device)", labels)
    student = Student(FakeBox({"reference": cells, "more": MORE}))
    seen = of_an_epoch(student)
    assert set(seen["parameters"]) == {True}
    assert set(seen["labels"]) == {moved}
    assert all(seen["inputs"]) is moved
    asked = placement(student, validation_probes.validation_placement, DRAWN)
    assert all(asked["inputs"]) is moved


@pytest.mark.parametrize("moved", [True, False])
def test_who_goes_past_the_networks_own_hooks_is_seen(moved: bool) -> None:
    way = "net.forward(images.to(device))" if moved else "net.forward(images)"
    seen = of_an_epoch(
        Student(FakeBox({"reference": REFERENCE.replace("net(images.to(device))", way)}))
    )
    assert seen["inputs"]
    assert all(seen["inputs"]) is moved


def test_memory_that_is_free_again_does_not_lie_there() -> None:
    with gpu_or_stand_in(False):
        for _ in range(20):
            assert torch.ones(1000).to("cuda").is_cuda
            assert not torch.ones(1000).is_cuda


def test_what_is_loaded_into_memory_that_is_free_again_does_not_lie_there() -> None:
    """Such a tensor is made where the stand-in does not look."""
    file = io.BytesIO()
    torch.save(torch.ones(1000), file)
    with gpu_or_stand_in(False):
        for _ in range(20):
            assert torch.ones(1000).to("cuda").is_cuda
            file.seek(0)
            assert not torch.load(file).is_cuda


@pytest.mark.parametrize("name", ["use_gpu", "CUDA", "on_the_gpu"])
def test_what_a_notebook_remembers_of_the_gpu_follows_the_device(name: str) -> None:
    cells = f"{name} = torch.cuda.is_available()\nkept = False\n" + REFERENCE.split("# 3_training")[
        1
    ].replace("images.to(device)", f"(images.cuda() if {name} else images)").replace(
        "labels.to(device)", f"(labels.cuda() if {name} and not kept else labels)"
    )
    box = FakeBox({"imports": REFERENCE.split("# 1_data")[0], "notebook": cells})
    seen = of_an_epoch(Student(box))
    assert set(seen["inputs"]) == set(seen["labels"]) == {True}
    assert box.namespace[name] is torch.cuda.is_available()


@pytest.mark.parametrize("moved", [True, False])
def test_the_stand_in_sees_whether_fit_moved_the_network(moved: bool) -> None:
    cells = REFERENCE if moved else REFERENCE.replace("    net.to(device)\n", "")
    student = Student(FakeBox({"reference": cells}))
    seen = placement(student, fit_probes.fit_placement, FIT)
    assert set(seen["parameters"]) == {moved}


@pytest.mark.parametrize(
    "also", ["torch.set_default_device(device)", "assert torch.compile(net, dynamic=True) is net"]
)
def test_what_suits_a_gpu_only_does_no_harm_on_the_stand_in(also: str) -> None:
    """Else later checks would ask for a GPU that is not there, or a probe would run out of time."""
    student = Student(FakeBox({"reference": REFERENCE.replace("net.train()", also)}))
    try:
        seen = of_an_epoch(student)
        assert seen["inputs"]
        assert all(seen["inputs"])
        assert torch.ones(1).device.type == "cpu"
    finally:
        torch.set_default_device(None)


def test_the_stand_in_changes_no_number_and_ends_with_the_probe() -> None:
    before = torch.cuda.is_available()
    of_an_epoch(Student(FakeBox({"reference": REFERENCE})))
    assert torch.cuda.is_available() == before
    with gpu_or_stand_in(False):
        there = torch.ones(3).to("cuda")
        assert there.device == torch.device("cuda", 0)
        assert (there.cpu() * 2).tolist() == (there * 2).tolist() == [2, 2, 2]
    assert there.device.type == "cpu"


@contextlib.contextmanager
def flags() -> Iterator[Any]:
    backends: Any = torch.backends
    yield lambda: (
        backends.cuda.matmul.fp32_precision == "tf32",
        backends.cudnn.conv.fp32_precision == "tf32",
        backends.cudnn.deterministic,
        backends.cudnn.benchmark,
        torch.are_deterministic_algorithms_enabled(),
    )


def test_on_a_gpu_both_sides_compute_exactly_whatever_the_notebook_had_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    with flags() as now:
        before = now()
        with steady("cuda"):
            assert now() == (False, False, True, False, True)
        with steady("cuda", "tf32"):
            assert now() == (True, True, True, False, True)
        assert now() == before


SWITCHES = """
import os, torch
from autograder.grading.training import steady
OLDER = "torch.set_float32_matmul_precision('high'); torch.backends.cudnn.allow_tf32 = True"
NEWER = "torch.backends.fp32_precision = 'tf32'"
PARTS = "torch.backends.cuda.matmul.fp32_precision = torch.backends.cudnn.conv.fp32_precision = 'tf32'"

def look(switched):
    exec(switched)
    for precision, wanted in (("ieee", False), ("tf32", True)):
        with steady("cuda", precision):
            conv, matmul = torch.backends.cudnn.conv, torch.backends.cuda.matmul
            assert (conv.fp32_precision == "tf32") is wanted, conv.fp32_precision
            assert (matmul.fp32_precision == "tf32") is wanted, matmul.fp32_precision
            if switched in ("", OLDER):  # else torch refuses even before
                assert matmul.allow_tf32 is wanted
                assert torch.backends.cudnn.allow_tf32 is wanted
                with torch.backends.cudnn.flags(enabled=True, benchmark=True):
                    pass

for switched in ("", OLDER, NEWER, PARTS):  # each in a process of its own, which has torch already
    if os.fork() == 0:
        look(switched)
        os._exit(0)
    print(os.wait()[1], switched, flush=True)
"""


def test_whichever_switches_a_notebook_uses_products_are_exact_and_can_be_asked_about() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SWITCHES], capture_output=True, text=True, check=False
    )
    assert [line[:2] for line in done.stdout.splitlines()] == ["0 "] * 4, done.stdout + done.stderr


def test_on_the_cpu_of_a_machine_with_a_gpu_torch_says_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with steady("cpu"):
        assert not torch.cuda.is_available()
    assert torch.cuda.is_available()


class Asked(FakeBox):
    """Notes which questions were put, and on which device; the large run is answered by a small one."""

    def __init__(self) -> None:
        super().__init__({"reference": REFERENCE})
        self.questions: list[str] = []

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        self.questions.append(function)
        return super().ask(source, function, names, data)


@pytest.fixture
def thresholds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Any], object]:
    """Put something into the place of what was calibrated on a GPU."""
    monkeypatch.setattr(full_run, "__file__", str(tmp_path / "full_run.py"))
    path = tmp_path / "thresholds.json"
    return lambda found: path.write_text(json.dumps({full_run.TEST: found}))


def entry(**changes: Any) -> dict[str, Any]:
    made_from = {**full_run.made_from(None, "A stand-in"), **changes}
    return {"loss_ratio": 2.0, "accuracy": 0.0, "found": {"made_from": made_from}}


def test_the_real_vgg16_decides_on_a_gpu_whose_thresholds_were_found(
    thresholds: Callable[[Any], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    thresholds({"drawn": entry()})
    monkeypatch.setattr(full_run.drawn_run, "__defaults__", (None, "cpu", full_run.SMOKE))
    box, notes = Asked(), list[tuple[str, str]]()
    test_3.test_a_short_run_learns(
        Student(box), CHALLENGE, STAND_IN, None, lambda *said, **_size: notes.append(said)
    )
    assert box.questions == ["fitted", "full_run", "fitted"]
    assert notes == [("Decided by a run of the real VGG16, on A stand-in.", "")]


@pytest.mark.parametrize(
    ("device", "found", "why"),
    [
        (Device(), {}, ""),
        (Device(why="no CUDA"), {"drawn": entry()}, "no CUDA"),
        (STAND_IN, {}, "no thresholds for A stand-in yet. Run `autograder calibrate"),
        (STAND_IN, {"drawn": entry(device="Another")}, "do not fit: the device is"),
        (STAND_IN, {"drawn": entry(budget={})}, "do not fit: the budget is"),
    ],
    ids=["no_gpu", "unusable", "not_calibrated", "another_gpu", "another_budget"],
)
def test_elsewhere_the_short_size_decides_and_says_so(
    device: Device, found: dict[str, Any], why: str, thresholds: Callable[[Any], object]
) -> None:
    thresholds(found)
    none, said = full_run.thresholds_for(device, None)
    assert none is None
    assert (why in said) if why else said == ""


@pytest.mark.parametrize(
    "check",
    [
        test_3.test_each_batch_makes_one_step_with_its_own_gradient,
        test_3.test_the_epoch_runs_in_training_mode,
        test_3.test_the_result_is_the_mean_loss_per_image,
        test_3.test_the_given_criterion_is_used,
        test_3.test_the_accuracy_is_that_of_all_images_in_evaluation_mode,
        test_3.test_fit_trains_and_validates_with_one_optimizer,
    ],
    ids=lambda check: str(check.__name__),
)
def test_where_there_is_a_gpu_the_same_is_asked_on_the_cpu_and_then_there(check: Any) -> None:
    asked = []
    for device in (Device(), STAND_IN):
        box = Asked()
        check(Student(box), CHALLENGE, device)
        asked.append(box.questions)
    first = list(takewhile(lambda question: question == asked[0][0], asked[0]))
    assert asked[1] == [*first, *asked[0]]


def test_the_real_network_is_torchvisions_but_for_the_classifiers_width() -> None:
    state = full_run.initial_state(256, 1)
    assert sum(tensor.numel() for tensor in state.values()) == 21_222_743
    again = full_run.initial_state(256, 1)
    assert all(torch.equal(tensor, again[name]) for name, tensor in state.items())
    assert sum("features" in name and tensor.dim() == 4 for name, tensor in state.items()) == 13
