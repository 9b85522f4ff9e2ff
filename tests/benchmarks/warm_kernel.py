"""How soon a boxed kernel answers, and what it costs: forked from the warm process, and from nothing.

    python tests/benchmarks/warm_kernel.py [forks] [cold starts]

All sides run in turn in one process on the same machine, the fewer cold starts spread over the forks, so the
ratio holds when its speed drifts. Memory of its own is what a kernel shares with nobody: what a fork has from
the warm process, some hundred MiB that are there once for all forks, is not in it.
"First reply" is the answer to a cell that imports torch, torchvision and matplotlib. Where the form without
namespaces can be built, it is one of them; "to the end" is until nothing of the box is left.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

from autograder.errors import KitError
from autograder.sandbox import BoxSettings, check_wall
from autograder.sandbox.driver import Driver
from autograder.sandbox.forms import ONLY
from autograder.sandbox.kernel import KernelPlan
from autograder.sandbox.settings import LANDLOCK
from autograder.sandbox.warm import start_kernel
from autograder.sandbox.watchdog import pid_of

CELL = "import torch, torchvision, matplotlib"


def first_reply(settings: BoxSettings) -> tuple[float, float, float]:
    """Seconds from the start to the reply, MiB of memory that are the kernel's own, seconds to the end."""
    started = time.perf_counter()
    kernel = start_kernel(settings, KernelPlan())
    driver = Driver(kernel, settings)
    try:
        driver.wait_until_ready()
        assert driver.execute(CELL, 120).status == "ok"
        wall_s = time.perf_counter() - started
        pid = pid_of(kernel.pidfd)
        tree = [pid]
        for process in tree:
            for task in Path(f"/proc/{process}/task").iterdir():
                tree += map(int, (task / "children").read_text().split())
        own_mib = sum(map(_private_mib, tree))
    finally:
        closing = time.perf_counter()
        driver.close()
    return wall_s, own_mib, wall_s + time.perf_counter() - closing


def without_namespaces() -> BoxSettings | None:
    """Settings for that form of the wall, its warm process started; None where it cannot be built."""
    settings = BoxSettings(wall=LANDLOCK)
    os.environ[ONLY] = LANDLOCK  # which is asked once, when the process starts
    try:
        first_reply(settings)
    except KitError as error:
        print(f"no {LANDLOCK} here: {error}")
        return None
    finally:
        del os.environ[ONLY]
    return settings


def _private_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kib = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    return kib / 1024


def main() -> None:
    forks, colds = (int(text) for text in (*sys.argv[1:], *("20", "5")[len(sys.argv) - 1 :]))
    warm, cold = BoxSettings(), BoxSettings(warm=False)
    print(check_wall())
    first_reply(warm)  # starts the warm process
    confined = without_namespaces()
    figures: dict[str, list[tuple[float, float, float]]] = {"warm": [], "cold": []}
    figures |= {} if confined is None else {LANDLOCK: []}
    rounds = max(forks, colds)
    for number in range(rounds):
        if number * forks // rounds < (number + 1) * forks // rounds:
            figures["warm"].append(first_reply(warm))
            if confined is not None:
                figures[LANDLOCK].append(first_reply(confined))
        if number * colds // rounds < (number + 1) * colds // rounds:
            figures["cold"].append(first_reply(cold))
    for name, rows in figures.items():
        walls = [row[0] for row in rows]
        print(
            f"{name}: median {statistics.median(walls):.3f} s "
            f"({min(walls):.3f} to {max(walls):.3f}, n={len(walls)}), "
            f"{statistics.median(row[1] for row in rows):.0f} MiB of its own, "
            f"{statistics.median(row[2] for row in rows):.3f} s to the end"
        )
    medians = {name: statistics.median(row[0] for row in rows) for name, rows in figures.items()}
    print(f"cold / warm: {medians['cold'] / medians['warm']:.1f}")
    if confined is not None:
        ends = [statistics.median(row[2] for row in figures[name]) for name in (LANDLOCK, "warm")]
        print(f"{LANDLOCK} / warm: {medians[LANDLOCK] / medians['warm']:.2f}", end="")
        print(f", to the end {ends[0] / ends[1]:.2f}")


if __name__ == "__main__":
    main()
