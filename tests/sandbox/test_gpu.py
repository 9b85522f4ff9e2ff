"""A box and the GPU, as far as it goes without one: NVML's answers and the device node are stand-ins."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
import torch

from autograder import doctor
from autograder.errors import BoxUnavailable
from autograder.sandbox import BoxSettings, open_box, wall, warm, watchdog
from autograder.sandbox.box import limit_behind
from autograder.sandbox.gpu import Gpu, find_gpu
from autograder.sandbox.kernel import allocatable_mib
from autograder.sandbox.wall import GUEST, WallLayout
from autograder.sandbox.watchdog import Watchdog

LIGHT = ["torch", "ipykernel.kernelapp", "ipykernel.ipkernel", "IPython"]
# A device that every Linux has and bubblewrap puts into no box by itself.
STAND_IN = Path("/dev/fuse")
LOOK = f"""
import os, stat
from pathlib import Path
status = os.stat("{STAND_IN}")
assert stat.S_ISCHR(status.st_mode)
print("device", status.st_rdev, os.listdir("/sys"))
try:
    Path("/sys/module/written").touch()
except OSError as error:
    print(error.strerror)
"""


class Answers:
    """NVML's interface, as far as it is used: two GPUs, of which the second has a minor number of 5."""

    def __init__(self) -> None:
        self.running: list[Any] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        of: dict[str, Any] = {
            "nvmlInit": lambda: None,
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": lambda number: f"handle {number}",
            "nvmlDeviceGetMinorNumber": lambda handle: {"handle 0": 0, "handle 1": 5}[handle],
            "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(total=80 * 2**30),
            "nvmlDeviceGetName": lambda _: "A stand-in",
            "nvmlDeviceGetComputeRunningProcesses": lambda _: self.running,
        }
        for name, function in of.items():
            monkeypatch.setattr(pynvml, name, function)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    find_gpu.cache_clear()
    answers = Answers()
    answers.install(monkeypatch)
    yield answers
    find_gpu.cache_clear()


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Gpu:
    if not STAND_IN.exists():
        pytest.skip(f"this system has no {STAND_IN} to stand in for a GPU's device node")
    found = Gpu(0, "A stand-in", 81920, (STAND_IN,), None)
    monkeypatch.setattr(Gpu, "held_mib", lambda *_: 0.0)
    for module in (wall, watchdog):
        monkeypatch.setattr(module, "find_gpu", lambda _number: found)
    return found


@pytest.mark.parametrize("form", [True, False], ids=["warm", "cold"])
def test_the_device_is_in_the_box_where_a_gpu_is_named(form: bool, stand_in: Gpu) -> None:
    assert stand_in.nodes == (STAND_IN,)
    settings = BoxSettings(gpu=0, warm=form, warm_imports=LIGHT)
    with open_box(settings, [LOOK, "import torch; print(len(torch.cuda._queued_calls))"]) as box:
        look, queued = box.run_cells()
    assert (look.status, look.message) == ("ok", "")
    said = look.outputs[0]["text"]
    assert f"device {STAND_IN.stat().st_rdev}" in said
    assert all(f"'{name}'" in said for name in ("bus", "devices", "module"))
    assert "Read-only" in said or "denied" in said
    assert int(queued.outputs[0]["text"]) > 0, "torch's own limit waits for CUDA to start"


def test_no_device_and_no_sys_is_in_the_box_otherwise() -> None:
    cell = (
        "import os\nfor what, path in ((os.open, '/dev/fuse'), (os.listdir, '/sys')):\n"
        "    try: print(what(path, *[os.O_RDWR] * (what is os.open)))\n"
        "    except OSError: print('none')"
    )
    with open_box(BoxSettings(warm_imports=LIGHT), [cell]) as box:
        assert box.run_cells()[0].outputs[0]["text"] == "none\nnone\n"
    assert not any("nvidia" in part for part in WallLayout(BoxSettings(), None).command())


def test_a_box_gets_the_nodes_of_its_gpu_and_of_no_other(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answers.running == []
    monkeypatch.setattr(Path, "exists", lambda path: path.name != "nvidia-uvm-tools")
    found = find_gpu(1)
    assert (found.name, found.memory_mib) == ("A stand-in", 81920)
    assert [str(node) for node in found.nodes] == [
        "/dev/nvidiactl",
        "/dev/nvidia-uvm",
        "/dev/nvidia5",
    ]
    binds = found.binds()
    assert binds[-3:] == ["--ro-bind", "/sys/devices", "/sys/devices"]
    assert binds[6:9] == ["--dev-bind", "/dev/nvidia5", "/dev/nvidia5"]


def test_a_node_that_the_driver_has_not_made_yet_is_named_with_the_repair(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answers.running == []
    monkeypatch.setattr(Path, "exists", lambda path: path.name != "nvidia-uvm")
    with pytest.raises(BoxUnavailable, match=r"nvidia-uvm is missing \(`sudo nvidia-modprobe"):
        find_gpu(1)


def test_torch_may_allocate_less_than_the_box_may_hold() -> None:
    assert allocatable_mib(BoxSettings(gpu_memory_mib=16384)) == 15784
    assert allocatable_mib(BoxSettings(gpu_memory_mib=1000)) == 500


def test_a_box_with_a_gpu_finds_drivers_libraries_where_it_can_see_them(
    stand_in: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stand_in.number == 0
    places = "/usr/local/nvidia/lib64:/srv/libraries:/usr/../srv/more"
    monkeypatch.setenv("LD_LIBRARY_PATH", places)
    command = WallLayout(BoxSettings(gpu=0), None).command()
    assert command[command.index("LD_LIBRARY_PATH") + 1] == "/usr/local/nvidia/lib64"
    assert "LD_LIBRARY_PATH" not in WallLayout(BoxSettings(), None).command()


@pytest.mark.parametrize(("number", "said"), [(2, "has 2, counted from 0"), (0, "is missing")])
def test_a_gpu_that_is_not_there_is_named_with_the_repair(
    number: int, said: str, answers: Answers
) -> None:
    assert answers.running == []
    with pytest.raises(BoxUnavailable, match=said) as error:
        find_gpu(number)
    assert f"c.BoxSettings.gpu = {number}" in str(error.value)
    assert "take the line out" in str(error.value)


def test_without_a_driver_a_gpu_is_refused() -> None:
    find_gpu.cache_clear()
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has NVIDIA's driver")
    with pytest.raises(BoxUnavailable, match="driver cannot be asked"):
        find_gpu(0)


def test_what_a_box_holds_of_the_gpu_is_its_own_processes(answers: Answers) -> None:
    held = [(10, 3), (11, 2), (99, 50)]
    answers.running = [SimpleNamespace(pid=pid, usedGpuMemory=gib * 2**30) for pid, gib in held]
    answers.running.append(SimpleNamespace(pid=12, usedGpuMemory=None))  # where it is not told
    one = Gpu(0, "", 0, (), "handle 0")
    assert one.held_mib([10, 11, 12]) == 5 * 1024
    assert one.held_mib([]) == 0


def test_a_box_that_holds_too_much_of_the_gpu_is_stopped_by_name(
    stand_in: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stand_in.number == 0
    begun: list[Watchdog] = []

    def begin(self: Watchdog) -> float:
        begun.append(self)
        return 0.0

    monkeypatch.setattr(Watchdog, "start_cell", begin)
    monkeypatch.setattr(Gpu, "held_mib", lambda _self, them: 4097.0 if begun and them else 0.0)
    settings = BoxSettings(gpu=0, gpu_memory_mib=4096, warm_imports=LIGHT, cell_wall_s=20)
    with open_box(settings, ["while True: pass"]) as box:
        (run,) = box.run_cells()
    assert (run.status, run.limit) == ("limit", "gpu_memory_mib")
    assert "more than 4096 MiB of the GPU's memory" in run.message


def test_torchs_own_error_is_the_gpus_limit() -> None:
    hit = limit_behind("OutOfMemoryError", "CUDA out of memory. Tried to allocate 20.00 GiB.")
    assert hit is not None
    assert hit.limit == "gpu_memory_mib"


def test_torch_is_held_to_the_limit_once_cuda_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(torch.cuda, "_lazy_call", calls.append)
    runpy.run_path(str(GUEST / "box_kernel.py"))["limit_gpu"](20 * 2**30)
    said: list[tuple[float, int]] = []
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=80 * 2**30)
    )
    monkeypatch.setattr(
        torch.cuda, "set_per_process_memory_fraction", lambda *args: said.append(args)
    )
    assert said == []
    calls[0]()
    assert said == [(0.25, 0)]


def test_a_warm_process_for_another_gpu_is_another_one() -> None:
    keys = {warm._key(BoxSettings(gpu=number), None) for number in (None, 0, 1)}
    assert len(keys) == 3


def test_the_doctor_says_what_a_box_may_hold(answers: Answers, stand_in: Gpu) -> None:
    assert answers.running == []
    assert stand_in.memory_mib == 81920
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "find_gpu", lambda _number: stand_in)
        patch.setattr(doctor, "check_wall", lambda *_asked, **_more: "a wall")
        good = doctor._gpu(BoxSettings(gpu=0))
        too_much = doctor._gpu(BoxSettings(gpu=0, gpu_memory_mib=90_000))
    assert good.good
    assert good.text.startswith("A stand-in; a box may hold 16384 of 81920 MiB; ")
    assert (too_much.good, "90000 of 81920" in too_much.text) == (False, True)
    missing = doctor._gpu(BoxSettings(gpu=7))
    assert (missing.good, "counted from 0" in missing.text) == (False, True)
    assert "CPU" in doctor._gpu(BoxSettings()).text
