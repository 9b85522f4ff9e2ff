"""What a command costs: wall time, and processor time with all that it starts, whoever waits for that.

A box's processes die with their namespace, and nobody is told what they used; so the processor time is
a control group's (cgroup v1, as root). Where there is none, it is what the command and the children
that it waited for used, and `whole` is False.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_TOP = Path("/sys/fs/cgroup/cpuacct")
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
_LOOK_EVERY_S = 0.2

OnLook = Callable[[dict[str, float], float], None]


@dataclass
class Cost:
    """What a command used.

    Attributes:
        parts: processor seconds by kind of process, of the processes that live for long.
        rest_s: what the others used: boxes, and whatever ends between two looks.
        peak_mib: the largest resident memory of a process, by kind.
    """

    wall_s: float
    cpu_s: float
    whole: bool
    returncode: int
    output: str = ""
    parts: dict[str, float] = field(default_factory=dict)
    peak_mib: dict[str, float] = field(default_factory=dict)

    @property
    def rest_s(self) -> float:
        return self.cpu_s - sum(self.parts.values())


def measure(
    command: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    on_look: OnLook = lambda *_: None,
) -> Cost:
    """Run a command and say what it cost.

    Args:
        on_look: called several times a second, where there is a control group, with the resident memory
            (MiB) by kind of process and the processor seconds used so far.
    """
    with _group() as group, (cwd / "output.log").open("w+") as log:
        enter = f'echo $$ > "{group}/cgroup.procs"; ' if group else ""
        started = time.perf_counter()
        process = subprocess.Popen(
            ["sh", "-c", f'{enter}exec "$@"', "sh", *command],
            cwd=cwd,
            # Modules of the kit are compiled once, as where it is installed.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        watch = _Watch(group, process.pid, on_look)
        watch.start()
        _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.perf_counter() - started
        watch.end()
        log.seek(0)
        cost = Cost(
            wall_s,
            _used_s(group) if group else used.ru_utime + used.ru_stime,
            group is not None,
            process.returncode,
            log.read(),
        )
        cost.parts, cost.peak_mib = watch.parts(), watch.peak_mib
        return cost


class _Watch(threading.Thread):
    """Looks at the processes of a group now and then, while they live."""

    def __init__(self, group: Path | None, main: int, on_look: OnLook) -> None:
        super().__init__(daemon=True)
        self._group, self._main, self._on_look = group, main, on_look
        self._done = threading.Event()
        self._seen: dict[int, tuple[str, float]] = {}  # kind and processor seconds
        self.peak_mib: dict[str, float] = {}

    def run(self) -> None:
        while self._group is not None and not self._done.wait(_LOOK_EVERY_S):
            now: dict[str, float] = {}
            for pid in map(int, (self._group / "cgroup.procs").read_text().split()):
                with contextlib.suppress(OSError, ValueError, IndexError):
                    kind = self._seen.get(pid, ("box",))[0]
                    if kind == "box":  # or just forked, and about to become something else
                        kind = self._kind(pid)
                    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                    used_s = (int(fields[11]) + int(fields[12])) / _TICK
                    self._seen[pid] = (kind, used_s)
                    now[kind] = max(now.get(kind, 0.0), int(fields[21]) * _PAGE_MIB)
            for kind, mib in now.items():
                self.peak_mib[kind] = max(self.peak_mib.get(kind, 0.0), mib)
            self._on_look(now, _used_s(self._group))

    def end(self) -> None:
        self._done.set()
        self.join()

    def parts(self) -> dict[str, float]:
        """Processor seconds by kind, as of the last look at each process."""
        found: dict[str, float] = {}
        for kind, used_s in self._seen.values():
            if kind != "box":
                found[kind] = found.get(kind, 0.0) + used_s
        return found

    def _kind(self, pid: int) -> str:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        if pid == self._main:
            return "main"
        if "multiprocessing" in line:
            return "main" if "resource_tracker" in line else "workers"
        if "box_warm" in line or "bwrap" in line:
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            above = Path(f"/proc/{parent}/comm").read_text().strip()
            return "warm" if "bwrap" in line.split()[0] or above == "bwrap" else "box"
        return "box"


@contextlib.contextmanager
def counted() -> Iterator[tuple[Callable[[], float], bool]]:
    """A clock of the processor time of this process and all that it starts from here on.

    Yields:
        the clock, in seconds, and whether it is whole; else it is that of this process alone.
    """
    with _group() as group:
        if group is None:
            yield time.process_time, False
            return
        before = _own_group()
        (group / "cgroup.procs").write_text(str(os.getpid()))
        try:
            yield lambda: _used_s(group), True
        finally:  # with what it has started and not ended
            for pid in (group / "cgroup.procs").read_text().split():
                with contextlib.suppress(OSError):
                    (before / "cgroup.procs").write_text(pid)


def _own_group() -> Path:
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    place = next(line.split(":", 2)[2] for line in lines if line.split(":")[1] == "cpuacct")
    return _TOP / place.lstrip("/")


@contextlib.contextmanager
def _group() -> Iterator[Path | None]:
    """A control group that counts processor time; None where there can be none."""
    group = _TOP / f"benchmark-{os.getpid()}-{time.monotonic_ns()}"
    try:
        group.mkdir()
    except OSError:
        yield None
        return
    try:
        yield group
    finally:
        for _ in range(100):  # a killed process may take a moment to leave it
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.05)


def _used_s(group: Path) -> float:
    return int((group / "cpuacct.usage").read_text()) / 1e9
