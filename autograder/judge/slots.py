"""Which GPU a notebook is judged on, and how much of its memory: one slot for each notebook under way.

A course names its GPUs and how many boxes may share one (`c.CourseSettings.gpus`, `gpu_slots`). A worker
that judges a notebook takes a slot and gives its box that GPU, with that share of its memory. Slots are
locks on files, which the system takes back when a worker ends in whatever way. They lie where all graders
of this user on this machine look, so that two courses share one GPU without knowing of each other.

The judge computes on the same GPU beside each box, in workers that keep CUDA's own part of the memory until
they end: as many as there are slots (`pool`). Both is set aside before the rest is shared out.

What a box may hold of a GPU is the course's promise to the student (`c.BoxSettings.gpu_memory_mib`), and so
is its time; a share of both may be less. So a notebook that ran out of the GPU's memory, or of its time on
a GPU that others use as well, says nothing yet: it is judged once more, alone on its GPU and with all that
was promised. What it runs into then is its own.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from autograder import locks
from autograder.course import Course
from autograder.errors import KitError, LimitHit, StudentRaised
from autograder.sandbox import BoxSettings, CellRun, check_wall
from autograder.sandbox.gpu import find_gpu
from autograder.scorecard import Check, Verdict

if TYPE_CHECKING:
    from autograder.grading.student import BoxLike  # imports torch, which only a worker needs

T = TypeVar("T")

_MEMORY = "gpu_memory_mib"
_TIMES = ("cell_wall_s", "probe_wall_s", "notebook_wall_s")
# What torch and CUDA say when others have left them too little.
_WORDS = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "_STATUS_ALLOC_FAILED",
    "_STATUS_NOT_INITIALIZED",
)
_LOOK_AGAIN_S = 0.1
# Set aside, generously, for each worker that may judge on a GPU and for each judge at work. Not measured yet.
_CUDA_MIB, _JUDGE_MIB = 600, 1536
_LEAST_MIB = 1024


@dataclass(frozen=True)
class GpuSlots:
    """The slots of some GPUs, by their numbers."""

    gpus: tuple[int, ...]
    each: int  # how many boxes share one
    folder: Path  # for the locks

    @contextlib.contextmanager
    def one(self) -> Iterator[int]:
        """Hold a slot, waiting for one if all are taken; gives the number of its GPU."""
        while True:
            for slot in range(self.each):  # one on each GPU before a second one on any
                for gpu in self.gpus:
                    held = _lock(self._file(gpu, slot), wait=False)
                    if held is not None:
                        with held:
                            yield gpu
                        return
            time.sleep(_LOOK_AGAIN_S)

    @contextlib.contextmanager
    def alone(self, gpu: int) -> Iterator[None]:
        """Hold all slots of a GPU, waiting for them in their order; the caller holds none."""
        with contextlib.ExitStack() as stack:
            for slot in range(self.each):
                held = _lock(self._file(gpu, slot), wait=True)
                assert held is not None
                stack.enter_context(held)
            yield

    def _file(self, gpu: int, slot: int) -> Path:
        return self.folder / f"gpu-{gpu}-slot-{slot}"


class GpuWatch:
    """Notes whether a box ran out of what it shares with others, in a cell or under a probe."""

    def __init__(self, shares_time: bool = False) -> None:
        self.ran_out = False
        self._limits = (_MEMORY, *(_TIMES if shares_time else ()))

    def look_at(self, runs: Iterable[CellRun]) -> None:
        self.ran_out |= any(run.limit in self._limits or _says_so(run.message) for run in runs)

    def look_at_limit(self, limit: str) -> None:
        self.ran_out |= limit in self._limits

    def look_at_checks(self, checks: Iterable[Check]) -> None:
        """Whether it ran out for the judge, who shares the GPU with the box."""
        self.ran_out |= any(
            _says_so(check.staff_detail) for check in checks if check.verdict is Verdict.UNGRADED
        )

    def around(self, box: BoxLike) -> BoxLike:
        """The same box, with its probes under watch."""
        return _Watched(box, self)


class _Watched:
    def __init__(self, box: BoxLike, watch: GpuWatch) -> None:
        self._box, self._watch = box, watch

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        """See `autograder.grading.student.BoxLike`."""
        try:
            return self._box.ask(source, function, names, data)
        except LimitHit as hit:
            self._watch.look_at_limit(hit.limit)
            raise
        except StudentRaised as raised:
            self._watch.ran_out |= _says_so(str(raised))
            raise


def uses_gpu(course: Course, notebook: str) -> bool:
    """Whether a notebook is judged in a slot of a GPU."""
    patterns = course.settings.gpu_notebooks
    return bool(course.settings.gpus) and any(fnmatch.fnmatchcase(notebook, p) for p in patterns)


def has_gpu(course: Course, notebook: str) -> bool:
    """Whether a notebook's box has a GPU, in a slot or without."""
    return uses_gpu(course, notebook) or BoxSettings(config=course.config).gpu is not None


def gpus_of(course: Course) -> list[int | None]:
    """The GPUs that boxes may use, as `check_wall` takes them; of a course without any, None alone."""
    return list(course.settings.gpus) or [BoxSettings(config=course.config).gpu]


def weakest_wall(course: Course) -> str:
    """The weakest form of the wall that a course allows."""
    return str(BoxSettings(config=course.config).wall)


def check_walls(course: Course) -> None:
    """Build the wall that a course's boxes get, once with each GPU.

    Raises:
        BoxUnavailable: when it cannot be built here; the message names the repair.
    """
    for gpu in gpus_of(course):
        check_wall(gpu, weakest_wall(course))


def slots_of(course: Course) -> int:
    """How many notebooks are judged in slots at a time on a machine, by as many workers."""
    return len(course.settings.gpus) * course.settings.gpu_slots


def with_gpu(course: Course, notebook: str, judge: Callable[[BoxSettings, GpuWatch], T]) -> T:
    """Judge a notebook with the box's settings as they are, or in a slot if it is to have a GPU.

    Args:
        judge: called with settings for the box and a watch to tell what became of them; a second time, alone
            on the GPU, when the watch noted that it ran out of something that it shared.

    Raises:
        BoxUnavailable: when a GPU of the course is not there.
        KitError: when the settings contradict each other.
    """
    settings = BoxSettings(config=course.config)
    if not uses_gpu(course, notebook):
        return judge(settings, GpuWatch())
    if settings.gpu is not None:
        raise KitError(
            "Both `c.BoxSettings.gpu` and `c.CourseSettings.gpus` name a GPU in course_config.py. Take "
            "the first one out."
        )
    slots = GpuSlots(tuple(course.settings.gpus), course.settings.gpu_slots, _folder())
    watch = GpuWatch(shares_time=slots.each > 1)
    with slots.one() as gpu:
        judged = judge(settings_for(course, gpu, slots.each), watch)
    if watch.ran_out:
        with slots.alone(gpu):
            judged = judge(settings_for(course, gpu, 1), GpuWatch())
    return judged


def settings_for(course: Course, gpu: int, sharing: int) -> BoxSettings:
    """Settings of a box that is one of so many on a GPU.

    Raises:
        KitError: when the GPU's memory is too small for so many.
    """
    settings = BoxSettings(config=course.config)
    judges = slots_of(course)  # each may have used each GPU
    room_mib = find_gpu(gpu).memory_mib - _CUDA_MIB * judges
    share_mib = room_mib // sharing - _JUDGE_MIB
    if share_mib < _LEAST_MIB:
        raise KitError(
            f"GPU {gpu} has too little memory for {sharing} boxes at a time and {judges} judges beside "
            "them. Lower `c.CourseSettings.gpu_slots` in course_config.py, name fewer GPUs, or one with "
            "more memory."
        )
    own = BoxSettings(**{name: getattr(settings, name) for name in settings.traits(config=True)})
    own.gpu = gpu
    own.gpu_memory_mib = min(settings.gpu_memory_mib, share_mib)
    return own


def _says_so(text: str) -> bool:
    return any(words in text for words in _WORDS)


def _folder() -> Path:
    """Where this user's slots lie on this machine, closed to other users."""
    folder = Path(tempfile.gettempdir()) / f"autograder-gpus-{os.geteuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if folder.is_symlink() or not folder.is_dir() or status.st_uid != os.geteuid():
        raise KitError(
            f"{folder} is not this user's own folder, so the slots of the GPUs cannot be kept there. "
            "Remove it, or set TMPDIR to another place."
        )
    return folder


def _lock(path: Path, wait: bool) -> IO[str] | None:
    """A file under lock until it is closed; None when the lock is taken and we do not wait."""
    file = path.open("a")
    if locks.lock(file, wait):
        return file
    file.close()
    return None
