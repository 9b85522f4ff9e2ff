"""Watches what a box uses, from outside: memory, processor time and number of its processes.

Memory is held by a control group where the kit may make one (started by root): the system then kills
what goes over, whatever kind of memory it is. Elsewhere the watchdog adds up what it sees a few times
a second: private and shared memory of every process with its page tables, and what the box's sockets
can hold at most. Memory without a process, which it could not see (memfds, System V's), the filter
of system calls refuses to make; the tmpfs folders have sizes of their own. What a box without namespaces
holds in files and sockets, `confined_watch` tells; there all processes below the attendant are the box's.
Between two looks a box can overshoot by what it can write in that time, some hundred MiB at worst;
each process has its own hard limits besides.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from autograder.sandbox.confined_watch import Held, as_user, held_by, shows_itself
from autograder.sandbox.gpu import find_gpu
from autograder.sandbox.kernel import Confined
from autograder.sandbox.settings import BoxSettings

LOOK_EVERY_S = 0.1
_FILES_EVERY_S = 0.5
_HIDDEN_LOOKS = 3  # at files, in which a process may begin another program
_TICK = os.sysconf("SC_CLK_TCK")
_MIB = 2**20


@dataclass(frozen=True)
class Excess:
    """A limit that a box went over: the setting's name, and a sentence for the student."""

    limit: str
    message: str


class Watchdog:
    """Watches one box, from before any of the student's code runs in it. Not for use by two threads."""

    def __init__(
        self, kernel_pidfd: int, settings: BoxSettings, confined: Confined | None = None
    ) -> None:
        self._settings = settings
        self._pid = pid_of(kernel_pidfd)
        self._confined = confined
        self._attendant = None if confined is None else pid_of(confined.attendant)
        self._held = Held()
        self._next_files = 0.0
        self._hidden: Counter[int] = Counter()  # how many looks in a row a process hid from
        self._wait_for_wall()
        self._have_it_go_first()
        self._group = MemoryGroup.create(self._processes(), settings)
        # Pages that the box shares with the warm process are not its own.
        self._baseline = self._resident_bytes()
        self._own_baseline = 0 if self._group else self._proportional_bytes()
        self._gpu = None if settings.gpu is None else find_gpu(settings.gpu)
        self._next_look = 0.0
        self._cell_started_s = 0.0
        self._used_s = 0.0
        self._waits: dict[int, float] = {}  # by process, at the last look
        self._waited_s = 0.0
        self._most_waited = (
            0.0,
            time.monotonic(),
        )  # by when the cell or probe began, and when that was
        self._count_waits(self._processes())

    def start_cell(self) -> float:
        """Count the processor time of a new cell or probe from here; gives what `waited_s` does."""
        processes = self._processes()
        self._used_s = self._cpu_s(processes)
        self._cell_started_s = self._used_s
        self._count_waits(processes)
        self._most_waited = self._capped_wait_s(), time.monotonic()
        return self._most_waited[0]

    def waited_s(self) -> float:
        """How long the box could have run but had no processor: no longer than its cell or probe takes.

        Between two looks that is what the process waited that waited most, for a kernel that asks others
        (a loader's workers) stands still itself.
        """
        self._count_waits(self._processes())
        return self._capped_wait_s()

    def _capped_wait_s(self) -> float:
        before_s, began_s = self._most_waited
        return min(self._waited_s, before_s + time.monotonic() - began_s)

    def _count_waits(self, processes: list[int]) -> None:
        now = {pid: _waited_s(pid) for pid in processes}
        more_s = (waited_s - self._waits.get(pid, 0.0) for pid, waited_s in now.items())
        self._waited_s += max(more_s, default=0.0)
        self._waits = now

    def look(self) -> Excess | None:
        """What the box has gone over; looks at most every LOOK_EVERY_S."""
        now = time.monotonic()
        if now < self._next_look:
            return None
        self._next_look = now + LOOK_EVERY_S
        processes = self._processes()
        self._count_waits(processes)
        limits = self._settings
        self._used_s = max(self._used_s, self._cpu_s(processes))
        if self._used_s - self._cell_started_s > limits.cell_cpu_s:
            return Excess(
                "cell_cpu_s", f"it used more than {limits.cell_cpu_s:g} s of processor time"
            )
        if self._used_s > limits.notebook_cpu_s:
            text = f"the notebook used more than {limits.notebook_cpu_s:g} s of processor time"
            return Excess("notebook_cpu_s", text)
        if self._group is None and self._over_memory():
            return self._memory_excess()
        if self._group is None and self._threads() > limits.processes:
            text = f"it had more than {limits.processes} processes and threads"
            return Excess("processes", text)
        if self._confined is not None and (excess := self._over_files(self._confined, now)):
            return excess
        if self._gpu is not None and self._gpu.held_mib(self._processes()) > limits.gpu_memory_mib:
            text = f"it held more than {limits.gpu_memory_mib} MiB of the GPU's memory"
            return Excess("gpu_memory_mib", text)
        return None

    def look_at_end(self) -> Excess | None:
        """What a cell or probe that has just ended holds too much of; the next look would tell another."""
        if self._group is None and self._over_memory():
            return self._memory_excess()
        return None

    def after_death(self) -> Excess | None:
        """Why the box died, if it was for its memory."""
        if self._group is not None and self._group.killed():
            return self._memory_excess()
        return None

    def close(self) -> None:
        """Remove the control group, once the box's processes are gone."""
        if self._group is not None:
            self._group.remove()

    def _memory_excess(self) -> Excess:
        return Excess("memory_mib", f"it used more than {self._settings.memory_mib} MiB of memory")

    def _over_memory(self) -> bool:
        allowed = self._settings.memory_mib * _MIB
        unmapped = self._socket_bytes()
        if self._resident_bytes() - self._baseline + unmapped <= allowed:
            return False
        # Processes that the student forked share pages: count those once before calling it too much.
        return self._proportional_bytes() - self._own_baseline + unmapped > allowed

    def _wait_for_wall(self) -> None:
        """Until the kernel has become its user, whose processes alone tell what they share."""
        for _ in range(100 if self._confined else 0):
            if self._confined is None or shows_itself(self._confined.user, self._pid):
                return
            time.sleep(0.02)

    def _have_it_go_first(self) -> None:
        """When the machine is short of memory. Not by the box: it may have /proc read-only."""
        for pid in self._processes():
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/oom_score_adj").write_text("1000")

    def _over_files(self, confined: Confined, now: float) -> Excess | None:
        if now < self._next_files:
            return None
        limits, processes = self._settings, self._processes()
        most_files = 2 * limits.disk_files  # the work folder and the temporary one
        most_sockets = limits.memory_mib * _MIB // (2 * _send_buffer_bytes())
        began_s = time.thread_time()
        self._held = held_by(confined.user, confined.folder, processes, most_files, most_sockets)
        # A large tree takes long to walk: a fifth of this thread's time at most.
        self._next_files = now + max(_FILES_EVERY_S, 4 * (time.thread_time() - began_s))
        if self._held.file_bytes > 2 * limits.disk_mib * _MIB:
            text = f"its files held more than {2 * limits.disk_mib} MiB"
            return Excess("disk_mib", text)
        if self._held.files > most_files:
            return Excess(
                "disk_files", f"it had more than {most_files} files, or too deep a folder"
            )
        self._hidden = Counter({pid: self._hidden[pid] + 1 for pid in self._held.hidden})
        if any(looks >= _HIDDEN_LOOKS for looks in self._hidden.values()):
            return Excess("memory_mib", "one of its processes hid how much memory it uses")
        return None

    def _processes(self) -> list[int]:
        if self._attendant is not None:
            return _and_below([self._attendant])[1:]
        return _and_below([self._pid])

    def _threads(self) -> int:
        return sum(len(_threads_of(pid)) for pid in self._processes())

    def _resident_bytes(self) -> int:
        return sum(self._resident_of(pid) for pid in self._processes())

    def _proportional_bytes(self) -> int:
        total = 0
        for pid in self._processes():
            with as_user(self._confined.user) if self._confined else contextlib.nullcontext():
                own = _bytes_of(pid, "smaps_rollup", ("Pss_Anon:", "Pss_Shmem:"))
            # A process can hide these figures; then all that it shares counts as its own.
            total += own + _bytes_of(pid, "status", ("VmPTE:",)) if own else self._resident_of(pid)
        return total

    @staticmethod
    def _resident_of(pid: int) -> int:
        return _bytes_of(pid, "status", ("RssAnon:", "RssShmem:", "VmPTE:"))

    def _socket_bytes(self) -> int:
        """What the buffers of the box's sockets can hold: no process's memory, and told nowhere."""
        if self._confined is not None:
            return self._held.sockets * 2 * _send_buffer_bytes()
        ours = Path("/proc/self/ns/net").stat().st_ino
        for pid in self._processes():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/ns/net").stat().st_ino == ours:
                    continue  # bubblewrap's process outside of a cold box
            with contextlib.suppress(OSError, ValueError, IndexError):
                used = Path(f"/proc/{pid}/net/sockstat").read_text().split()[2]  # "sockets: used 5"
                return int(used) * 2 * _send_buffer_bytes()
        return 0

    def _cpu_s(self, processes: list[int]) -> float:
        ticks = 0
        # The attendant has waited for those whose parents ended before them.
        for pid in [*processes, *([self._attendant] if self._attendant else [])]:
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += sum(map(int, fields[11:15]))  # utime, stime, and those of waited children
        return ticks / _TICK


def _waited_s(pid: int) -> float:
    """How long a process's main thread could have run but had no processor, since it was started.

    Source: the second field of /proc/PID/schedstat, in nanoseconds; 0 where it is not kept.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    return 0.0


def _and_below(found: list[int]) -> list[int]:
    """Processes, and all that descend from them."""
    for pid in found:
        for thread in _threads_of(pid):
            with contextlib.suppress(OSError, ValueError), open(f"{thread}/children") as children:  # noqa: PTH123
                found += map(int, children.read().split())
    return found


@cache
def _send_buffer_bytes() -> int:
    """A socket's buffer, which a box cannot enlarge; one message more than fits may lie in it."""
    return int(Path("/proc/sys/net/core/wmem_default").read_text())


def _bytes_of(pid: int, file: str, names: tuple[str, ...]) -> int:
    """The sum of some figures of a process."""
    # Of one whose first thread has ended, only the other threads still tell.
    told = (_kib_of(f"{thread}/{file}", names) for thread in _threads_of(pid))
    return 1024 * next(filter(None, told), 0)


def _kib_of(path: str, names: tuple[str, ...]) -> int:
    total = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(path).read_text().splitlines():
            if line.startswith(names):
                total += int(line.split()[1])
    return total


def _threads_of(pid: int) -> list[str]:
    """The folders under /proc of a process's threads."""
    with contextlib.suppress(OSError):
        return [f"/proc/{pid}/task/{tid}" for tid in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208
    return []


class MemoryGroup:
    """A control group, of version 1 or 2: a box's memory, its number of processes, its share of time."""

    def __init__(self, folders: list[Path], events: Path) -> None:
        self._folders = folders
        self._events = events

    @classmethod
    def create(cls, processes: list[int], settings: BoxSettings) -> MemoryGroup | None:
        """A group with these processes in it, or None where the kit may not make one."""
        roots = _writable_groups()
        if not roots or not settings.control_groups:
            return None
        name = f"{_GROUP}{os.getpid()}-{processes[0]}"
        folders = []
        limit = str(settings.memory_mib * _MIB)
        wanted = {
            "memory.limit_in_bytes": limit,
            "memory.memsw.limit_in_bytes": limit,
            "memory.max": limit,
            "memory.swap.max": "0",
            "pids.max": str(settings.processes),
        }
        try:
            for root in roots:
                folder = root / name
                folder.mkdir()
                folders.append(folder)
                for file, value in wanted.items():
                    if (folder / file).exists():
                        (folder / file).write_text(value)
                for pid in processes:
                    (folder / "cgroup.procs").write_text(str(pid))
        except OSError:
            group = cls(folders, Path())
            group.remove()
            return None
        events = [
            folder / file for folder in folders for file in _EVENTS if (folder / file).exists()
        ]
        return cls(folders, events[0])

    def killed(self) -> bool:
        """Whether the system killed a process of the box for its memory."""
        with contextlib.suppress(OSError):
            for line in self._events.read_text().splitlines():
                if line.startswith("oom_kill "):
                    return line.split()[1] != "0"
        return False

    def remove(self) -> None:
        """Remove the group; a killed process may take a moment to leave it."""
        for folder in self._folders:
            for _ in range(100):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.02)


_GROUP = "autograder-box-"
_EVENTS = ("memory.events", "memory.oom_control")


@cache
def _writable_groups() -> list[Path]:
    """The folders in which groups can be made, without those that killed graders left in them."""
    roots = _group_roots()
    for root in roots:
        for left in root.glob(f"{_GROUP}*"):
            grader = left.name.removeprefix(_GROUP).partition("-")[0]
            if not Path("/proc", grader).exists():
                with contextlib.suppress(OSError):  # the system removes none that is in use
                    left.rmdir()
    return roots


def _group_roots() -> list[Path]:
    """The folders in which groups for memory, processes and processor time can be made.

    None where memory cannot be limited. A group of its own gives a box no more of the processor than
    another one gets, however many processes it has, so a busy one does not cost a sibling its time.
    """
    top = Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError):
        controllers = (top / "cgroup.subtree_control").read_text().split()
        if {"memory", "pids"} <= set(controllers) and os.access(top, os.W_OK):
            return [top]
    found = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _number, names, path = line.split(":", 2)
            for name in {"memory", "pids", "cpu"} & set(names.split(",")):
                folder = top / name / path.lstrip("/")
                if os.access(folder, os.W_OK) and (folder / "cgroup.procs").exists():
                    found.append(folder)
    return found if any((folder / "memory.limit_in_bytes").exists() for folder in found) else []


def pid_of(pidfd: int) -> int:
    """The process id that a pidfd stands for, as this process sees it; -1 when it is gone."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    return -1
