"""Each limit that is watched from outside stops a box that goes over it, and names itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from autograder.errors import BoxFailed
from autograder.sandbox import watchdog as watchdog_module
from autograder.sandbox.driver import Driver
from autograder.sandbox.kernel import CHANNELS, BoxedKernel
from autograder.sandbox.settings import BoxSettings
from autograder.sandbox.watchdog import Excess, Watchdog

# Does what a line on its standard input says, and says that it has done it.
PROGRAM = """
import sys, threading, time
kept = []
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""


class Program:
    """A process of the tests' own in place of a box, and what watches it."""

    def __init__(self, stack: ExitStack, **limits: Any) -> None:
        self._process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(self._process.kill)
        self.run("pass")
        self.pidfd = os.pidfd_open(self._process.pid)
        stack.callback(os.close, self.pidfd)
        self.watchdog = Watchdog(self.pidfd, BoxSettings(control_groups=False, **limits))
        stack.callback(self.watchdog.close)

    def run(self, line: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def look(self) -> Excess | None:
        self.watchdog._next_look = 0.0  # now, although the last look was just before
        return self.watchdog.look()


@contextmanager
def program(**limits: Any) -> Iterator[Program]:
    with ExitStack() as stack:
        yield Program(stack, **limits)


BURN = "until = time.process_time() + 0.5\nwhile time.process_time() < until: pass"
GOES_OVER = {
    "cell_cpu_s": (0.3, f"exec({BURN!r})"),
    "notebook_cpu_s": (0.3, f"exec({BURN!r})"),
    "memory_mib": (40, "kept.append(b'x' * (80 * 2**20))"),
    "processes": (3, "[threading.Thread(target=time.sleep, args=(60,), daemon=True).start() for _ in range(4)]"),
}  # fmt: skip


@pytest.mark.parametrize("limit", GOES_OVER)
def test_what_goes_over_a_limit_is_told_by_its_name(limit: str) -> None:
    most, line = GOES_OVER[limit]
    with program(**{limit: most}) as box:
        box.watchdog.start_cell()
        assert box.look() is None
        box.run(line)
        excess = box.look()
    assert excess is not None
    assert excess.limit == limit
    assert f"{most:g}" in excess.message


def test_a_cell_has_a_time_of_its_own_and_the_notebook_one_for_all() -> None:
    _most, line = GOES_OVER["cell_cpu_s"]
    with program(cell_cpu_s=0.9, notebook_cpu_s=1.4) as box:
        limits = []
        for _ in range(3):
            box.watchdog.start_cell()
            box.run(line)
            excess = box.look()
            limits.append(excess.limit if excess else "")
    assert limits == ["", "", "notebook_cpu_s"]


class FakeGPU:
    def held_mib(self, pids: list[int]) -> int:
        return 700 if pids else 0


@pytest.mark.parametrize(("most", "limit"), [(699, "gpu_memory_mib"), (700, None)])
def test_memory_of_the_gpu_is_watched(
    most: int, limit: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog_module, "find_gpu", lambda _number: FakeGPU())
    with program(gpu=0, gpu_memory_mib=most) as box:
        excess = box.look()
    assert (excess.limit if excess else None) == limit


def test_it_looks_no_more_often_than_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    looks: list[float] = []

    def used(_processes: list[int]) -> float:
        looks.append(clock[0])
        return 0.0

    with program() as box:
        monkeypatch.setattr(box.watchdog, "_cpu_s", used)
        for step in range(11):
            clock[0] = 100.0 + step * watchdog_module.LOOK_EVERY_S / 4
            box.watchdog.look()
    assert len(looks) == 3


@pytest.mark.timeout(60)
def test_a_kernel_that_does_not_answer_is_our_failure(tmp_path: Path) -> None:
    """Or it would be waited for without end: `start_wall_s`."""
    with ExitStack() as stack:
        box = Program(stack)
        for number in range(1, len(CHANNELS) + 1):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(tmp_path / f"kernel-{number}"))
            listener.listen(1)
        wire, theirs = (stack.enter_context(end) for end in socket.socketpair())
        log = os.memfd_create("log")
        os.write(log, b"I am busy")
        pidfd = os.dup(box.pidfd)
        kernel = BoxedKernel("key", tmp_path, wire, pidfd, log)
        driver = Driver(kernel, BoxSettings(start_wall_s=0.5, control_groups=False))
        with pytest.raises(BoxFailed, match=r"did not start in its box.*I am busy"):
            driver.wait_until_ready()
        driver.close()
        assert theirs.fileno() >= 0, "the wire was open until the end"


def test_a_worker_that_waits_for_a_processor_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel waits for it, and could not run either; of several at once the longest wait counts."""
    waits: dict[int, float] = {}
    monkeypatch.setattr(watchdog_module, "_waited_s", lambda pid: waits.get(pid, 0.0))
    with program() as box:
        kernel = box.watchdog._pid
        monkeypatch.setattr(box.watchdog, "_processes", lambda: [kernel, *waits])
        monkeypatch.setattr(time, "monotonic", lambda: 1e9)
        seen = []
        for of_workers in ({1: 0.5, 2: 0.25}, {1: 0.75, 2: 1.25}, {2: 1.25}, {3: 2.0, kernel: 0.5}):
            waits.clear()
            waits.update(of_workers)
            box.look()
            seen.append(box.watchdog.waited_s())
        assert seen == [0.5, 1.5, 1.5, 3.5]


def test_no_more_is_waited_than_a_cell_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waits = 1e9, iter(range(0, 1000, 10))
    monkeypatch.setattr(watchdog_module, "_waited_s", lambda _pid: float(next(waits)))
    with program() as box:
        monkeypatch.setattr(time, "monotonic", lambda: now)
        box.watchdog.start_cell()
        before = box.watchdog.waited_s()
        now += 3
        box.look()
        assert box.watchdog.waited_s() - before == 3
