"""One ipykernel behind the wall, as the trusted side holds it, and how it comes to be.

The trusted side binds and listens on the kernel's five sockets in a folder of its own and hands the
listening descriptors over, so nothing is shared through the file system and the student's code
cannot swap a socket for something else. The submission's files go in as copies.

A kernel is forked from the machine's warm process where that can be had (`warm`), and otherwise
started from nothing in a bubblewrap of its own (`start_cold`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.sandbox import in_flight, wall
from autograder.sandbox.folders import new_folder
from autograder.sandbox.settings import BUBBLEWRAP, LANDLOCK, BoxSettings

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")  # in the order of `box_kernel`'s ports
BASELINE_MIB = 1024  # private memory that an idle kernel with torch maps without using it
_CUDA_MIB = 8192  # what CUDA's own libraries map besides, generously; not its memory on the GPU
_CONTEXT_MIB = 600  # of a box's share of a GPU, for CUDA itself; the rest is torch's to allocate
_LOG_BYTES = 2**16


@dataclass(frozen=True)
class KernelPlan:
    """What a kernel should find in its box."""

    files: Mapping[str, bytes] = field(
        default_factory=dict
    )  # for the work folder, by relative name
    data: Path | None = None  # a folder of training data, read-only at /data
    graded: bool = True  # whether its environment says that it is being graded
    seed: int = 0  # of its random number generators
    torch: bool = True  # whether to import it, for its generator to be seeded

    def options(self, key: str, settings: BoxSettings, form: str) -> dict[str, Any]:
        """What `box_kernel.run_kernel` is told, besides the descriptors."""
        return {
            "key": key,
            "seed": self.seed,
            "torch": self.torch,
            "environment": self._environment(settings),
            "own_network": form != LANDLOCK,
            "gpu_bytes": None if settings.gpu is None else allocatable_mib(settings) * 2**20,
        }

    def _environment(self, settings: BoxSettings) -> dict[str, str]:
        """What the notebook is told, for `being_graded` and `picture` in course_data.py."""
        if not self.graded:
            return {}
        return {"AUTOGRADER_BOX": "pictures" if settings.pictures_anew else "1"}


def allocatable_mib(settings: BoxSettings) -> int:
    """What torch may allocate on the GPU: less than the box may hold, so that torch refuses first."""
    return max(settings.gpu_memory_mib - _CONTEXT_MIB, settings.gpu_memory_mib // 2)


@dataclass(frozen=True)
class Confined:
    """What a box is outside, where it has no namespaces."""

    attendant: int  # a pidfd of the process that ends all of it and removes its files
    user: int  # the id that everything in it has, and nothing else
    folder: Path  # where it may write, with the folders `work` and `tmp`
    ended: int  # a pipe's end, readable once all of that is done


@dataclass
class BoxedKernel:
    """A running kernel. `kill` it, or use it as a context manager."""

    key: str
    folder: Path  # holds the sockets; closed to other users
    wire: socket.socket
    pidfd: int  # readable when the kernel has ended
    log: int  # a memfd with what the box's processes wrote outside of the protocol
    process: subprocess.Popen[bytes] | None = None  # the wall, where the kernel has one of its own
    parent_is_gone: Callable[[], bool] = lambda: False  # and took the kernel with it
    was_killed: Callable[[], bool] = lambda: (
        False
    )  # by something outside of the box, but not by `kill`
    form: str = BUBBLEWRAP  # of the wall
    confined: Confined | None = None
    _killed: bool = False

    def socket_path(self, channel: str) -> str:
        """Where a client connects to for a channel of the Jupyter protocol."""
        return f"{self.folder}/kernel-{CHANNELS.index(channel) + 1}"

    def signal(self, number: int) -> None:
        """Send a signal to the first process of the box, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def last_words(self) -> str:
        """What the box's processes wrote outside of the protocol, for staff."""
        return os.pread(self.log, _LOG_BYTES, 0).rstrip(b"\0").decode(errors="replace").strip()

    def kill(self) -> None:
        """End every process of the box at once and remove its sockets."""
        # The first process of a pid namespace takes all others with it, whatever they do.
        if self._killed:
            return
        self._killed = True
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        else:
            select.select([self.pidfd], [], [], 10)
        if self.confined is not None:
            select.select([self.confined.ended], [], [], 10)
            os.close(self.confined.ended)
            os.close(self.confined.attendant)
        self.wire.close()
        os.close(self.pidfd)
        os.close(self.log)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> BoxedKernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@dataclass
class Ends:
    """Both ends of what connects a kernel to the trusted side, before the kernel is there."""

    key: str
    folder: Path
    listeners: list[socket.socket]
    wire: socket.socket
    their_wire: socket.socket
    log: int

    def kernel(self, pidfd: int, process: subprocess.Popen[bytes] | None = None) -> BoxedKernel:
        return BoxedKernel(self.key, self.folder, self.wire, pidfd, self.log, process)


@contextlib.contextmanager
def new_ends() -> Iterator[Ends]:
    """Sockets for a new kernel. Theirs are closed at the end; ours too, if an exception ends it."""
    in_flight.allow_more_than_a_box()
    folder = new_folder("box")
    wire, their_wire = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    log = os.memfd_create("log", os.MFD_ALLOW_SEALING)
    os.ftruncate(log, _LOG_BYTES)
    fcntl.fcntl(log, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    listeners: list[socket.socket] = []
    try:
        for number in range(1, len(CHANNELS) + 1):
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listeners.append(listener)
            listener.bind(str(folder / f"kernel-{number}"))
            listener.listen(16)
        yield Ends(secrets.token_hex(32), folder, listeners, wire, their_wire, log)
    except BaseException:
        wire.close()
        os.close(log)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        their_wire.close()
        for listener in listeners:
            listener.close()


def resource_limits(settings: BoxSettings) -> dict[str, int]:
    """Limits of the kernel's processes, by the names of the module `resource`."""
    mib = 2**20
    baseline_mib = BASELINE_MIB + (0 if settings.gpu is None else _CUDA_MIB)
    return {
        "RLIMIT_DATA": (settings.memory_mib + baseline_mib) * mib,
        "RLIMIT_FSIZE": settings.disk_mib * mib,
        # Counted by user: an ordinary user's boxes share one count, which only keeps a fork bomb from
        # outrunning the watchdog, and which siblings must not run into.
        "RLIMIT_NPROC": settings.processes * (1 if wall.as_root() else 16),
        "RLIMIT_NOFILE": settings.open_files,
        "RLIMIT_CORE": 0,
    }


def start_cold(settings: BoxSettings, plan: KernelPlan, form: str = BUBBLEWRAP) -> BoxedKernel:
    """Start a kernel in a bubblewrap of its own; it answers some seconds later.

    Args:
        form: of the wall: one of bubblewrap's.

    Raises:
        BoxUnavailable: when the wall cannot be built here.
    """
    with new_ends() as ends, contextlib.ExitStack() as stack:
        layout = wall.WallLayout(settings, plan.data, own_proc=form == BUBBLEWRAP)
        inherited = layout.open_files(stack)
        for name, content in plan.files.items():
            fd = stack.enter_context(wall.memory_file(content))
            inherited.append(fd)
            layout.add_file(fd, name)
        options = {
            **plan.options(ends.key, settings, form),
            "own_proc": form == BUBBLEWRAP,
            "fds": [listener.fileno() for listener in ends.listeners],
            "wire": ends.their_wire.fileno(),
            "limits": resource_limits(settings),
        }
        inherited += [*options["fds"], options["wire"]]
        process = subprocess.Popen(
            [*layout.command(), wall.python_in_box(), "/box/box_boot.py", json.dumps(options)],
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            stdout=ends.log,
            stderr=ends.log,
            env={},
        )
        kernel = ends.kernel(os.pidfd_open(process.pid), process)
        kernel.form = form
        return kernel
