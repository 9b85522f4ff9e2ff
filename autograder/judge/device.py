"""The device for hidden tests: the GPU of the box, if the judge's own process has the same one.

`BoxSettings.gpu` counts as nvidia-smi does, torch in this process as CUDA does, which may sort otherwise
or see a part only (CUDA_VISIBLE_DEVICES). So the two are matched by the GPU's own identifier. The box is
asked as well: what a notebook does to its CUDA must not cost it points that it keeps on a CPU runner.
Whatever is missing, the CPU decides as it does everywhere, and staff read why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from autograder.errors import BoxUnavailable, StudentFault
from autograder.grading.device import Device
from autograder.grading.probe import probe
from autograder.grading.student import BoxLike, Student
from autograder.sandbox import BoxSettings
from autograder.sandbox.gpu import find_gpu


@probe
def computes_on_the_gpu() -> object:
    """Whether CUDA works beside the notebook; its memory is allocated, and a kernel runs."""
    import torch

    return float(torch.ones(2, device="cuda").sum())


def device_for(settings: BoxSettings, box: BoxLike) -> Device:
    """The device for the hidden tests of a notebook.

    Args:
        settings: those of its box, as `with_gpu` made them.
        box: after its cells have run.
    """
    if settings.gpu is None:
        return Device()
    try:
        number, title = same_gpu(settings.gpu)
    except BoxUnavailable as error:
        return Device(why=str(error))
    try:
        answer = Student(box).run(computes_on_the_gpu)
    except StudentFault as fault:
        return Device(why=f"CUDA does not work beside this notebook: {fault}")
    if type(answer) is not float or answer != 2.0:
        return Device(why="CUDA does not compute beside this notebook.")
    return Device("cuda", title, number)


def same_gpu(gpu: int) -> tuple[int, str]:
    """The number in this process of the GPU that nvidia-smi numbers so, and its name.

    Raises:
        BoxUnavailable: when this process does not have it.
    """
    import pynvml
    import torch

    if not torch.cuda.is_available():
        raise _not_seen(gpu, "torch sees no GPU there")
    found = find_gpu(gpu)
    try:
        wanted = _plain(pynvml.nvmlDeviceGetUUID(found.handle))
    except pynvml.NVMLError as error:
        raise _not_seen(gpu, f"NVIDIA's driver cannot be asked: {error}") from None
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        if _plain(about.uuid) == wanted:
            return number, str(about.name)
    raise _not_seen(gpu, "torch sees others only. Is CUDA_VISIBLE_DEVICES set?")


@contextlib.contextmanager
def current(device: Device) -> Iterator[None]:
    """Let "cuda" mean a device's GPU within the block, and give its memory back afterwards."""
    if device.number is None:
        yield
        return
    import torch

    with torch.cuda.device(device.number):
        try:
            yield
        finally:
            torch.cuda.empty_cache()


def _plain(uuid: object) -> str:
    text = uuid.decode() if isinstance(uuid, bytes) else str(uuid)
    return text.removeprefix("GPU-").lower()


def _not_seen(gpu: int, why: str) -> BoxUnavailable:
    return BoxUnavailable(
        f"Boxes have GPU {gpu}, but the process that judges has not ({why}), so the CPU decides. Start "
        "the grader where torch sees all GPUs."
    )
