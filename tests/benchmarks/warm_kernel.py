"""How soon a boxed kernel answers, and what it costs: forked from the warm process, and from nothing.

    python tests/benchmarks/warm_kernel.py [forks] [cold starts]

Both sides run in turn in one process on the same machine, so the ratio holds when its speed drifts.
"First reply" is the answer to a cell that imports torch, torchvision and matplotlib.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from autograder.sandbox import BoxSettings, check_wall
from autograder.sandbox.driver import Driver
from autograder.sandbox.kernel import KernelPlan
from autograder.sandbox.warm import start_kernel
from autograder.sandbox.watchdog import pid_of

CELL = "import torch, torchvision, matplotlib"


def first_reply(settings: BoxSettings) -> tuple[float, float]:
    """Seconds from the start to the reply, and MiB of memory that are the kernel's own."""
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
        return wall_s, sum(map(_private_mib, tree))
    finally:
        driver.close()


def _private_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kib = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    return kib / 1024


def main() -> None:
    forks, colds = (int(text) for text in (*sys.argv[1:], *("20", "5")[len(sys.argv) - 1 :]))
    warm, cold = BoxSettings(), BoxSettings(warm=False)
    print(check_wall())
    first_reply(warm)  # starts the warm process
    figures: dict[str, list[tuple[float, float]]] = {"warm": [], "cold": []}
    for number in range(max(forks, colds)):
        if number < forks:
            figures["warm"].append(first_reply(warm))
        if number < colds:
            figures["cold"].append(first_reply(cold))
    for name, rows in figures.items():
        walls = [wall for wall, _ in rows]
        print(
            f"{name}: median {statistics.median(walls):.3f} s "
            f"({min(walls):.3f} to {max(walls):.3f}, n={len(walls)}), "
            f"{statistics.median(memory for _, memory in rows):.0f} MiB of its own"
        )
    medians = [statistics.median(wall for wall, _ in figures[name]) for name in ("cold", "warm")]
    print(f"cold / warm: {medians[0] / medians[1]:.1f}")


if __name__ == "__main__":
    main()
