"""The GPU of a box: what is bound in so that CUDA works, and what the box holds of its memory.

Nothing of a GPU is in a box unless `BoxSettings.gpu` names one; then that one is, and no other.
NVIDIA's driver needs its device nodes, and from /sys the modules, the PCI bus and the devices
(without /sys cuInit ends with CUDA_ERROR_OPERATING_SYSTEM). The driver's own library, NVML, tells
from outside how much of the memory each process holds. Where it cannot tell (a container shows NVML
other process ids), only the allocator's own limit inside the box holds, which a student can lift.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from autograder.errors import BoxUnavailable

_NEEDED, _OPTIONAL = ("/dev/nvidiactl", "/dev/nvidia-uvm"), ("/dev/nvidia-uvm-tools",)
_SYSTEM = ("/sys/module", "/sys/bus/pci", "/sys/devices")


@dataclass(frozen=True)
class Gpu:
    """One GPU of this machine, as NVML knows it."""

    number: int
    name: str
    memory_mib: int
    nodes: tuple[Path, ...]  # device nodes that a box needs
    handle: Any

    def held_mib(self, processes: Collection[int]) -> float:
        """The memory of the GPU that these processes hold, with what CUDA itself needs for each."""
        import pynvml

        running = pynvml.nvmlDeviceGetComputeRunningProcesses(self.handle)
        return sum(one.usedGpuMemory or 0 for one in running if one.pid in processes) / 2**20

    def binds(self) -> list[str]:
        """bubblewrap's arguments; they come after `--dev /dev`."""
        arguments = []
        for node in self.nodes:
            arguments += ["--dev-bind", str(node), str(node)]
        for folder in ("/sys", "/sys/bus"):
            arguments += ["--perms", "0755", "--dir", folder]
        for folder in _SYSTEM:
            arguments += ["--ro-bind", folder, folder]
        return arguments

    def places(self) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
        """The device nodes, and the folders to read, where nothing is bound in."""
        return self.nodes, tuple(map(Path, _SYSTEM))


@cache
def find_gpu(number: int) -> Gpu:
    """The GPU with a number, counted as `nvidia-smi` does.

    Raises:
        BoxUnavailable: when there is none, or it cannot be asked; says what to do.
    """
    import pynvml

    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        if not 0 <= number < count:
            raise _unavailable(number, f"this machine has {count}, counted from 0")
        handle = pynvml.nvmlDeviceGetHandleByIndex(number)
        own = Path(f"/dev/nvidia{pynvml.nvmlDeviceGetMinorNumber(handle)}")
        memory_mib = pynvml.nvmlDeviceGetMemoryInfo(handle).total // 2**20
        name = str(pynvml.nvmlDeviceGetName(handle))
    except pynvml.NVMLError as error:
        raise _unavailable(number, f"NVIDIA's driver cannot be asked: {error}") from None
    # The driver makes them when root first uses CUDA after a start of the machine; a box cannot.
    for node in (own, *map(Path, _NEEDED)):
        if not node.exists():
            why = f"the device node {node} is missing (`sudo nvidia-modprobe -c {number} -u` makes it)"
            raise _unavailable(number, why)
    nodes = [Path(node) for node in (*_NEEDED, *_OPTIONAL) if Path(node).exists()]
    return Gpu(number, name, memory_mib, (*nodes, own), handle)


def _unavailable(number: int, why: str) -> BoxUnavailable:
    return BoxUnavailable(
        f"`c.BoxSettings.gpu = {number}`, or {number} in `c.CourseSettings.gpus`, names no GPU that a box "
        f"can use: {why}. Correct it in course_config.py (`nvidia-smi` lists them), or take the line out "
        "to grade on the CPU."
    )
