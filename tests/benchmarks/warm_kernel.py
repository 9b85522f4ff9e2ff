"""How soon a boxed kernel answers, and what it and a whole hand-in cost: behind each form of the wall.

    python -m tests.benchmarks.warm_kernel [--forks 20] [--cold 5] [--hand-ins 0]

All sides run in turn in one process on the same machine, the fewer cold starts spread over the forks, so the
ratios hold when its speed drifts. Memory of its own is what a kernel shares with nobody: what a fork has from
the warm process, some hundred MiB that are there once for all forks, is not in it. "First reply" is the answer to a cell that imports torch, torchvision and matplotlib; "to the end" is until
nothing of the box is left. A hand-in is one of the tests' tiny assignment, as a worker judges it: its cells,
its probes, the hidden tests. Processor time is that of every process (see meter.py), where it can be counted.
Where the form without namespaces can be built, it is one of the sides: by root, with a Python that other
users may read.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autograder.course import load_course
from autograder.errors import KitError
from autograder.judge.judge import judge_job
from autograder.judge.submission import make_job, read_notebooks
from autograder.release.release import build
from autograder.sandbox import BoxSettings, check_wall
from autograder.sandbox.driver import Driver
from autograder.sandbox.forms import ONLY
from autograder.sandbox.kernel import KernelPlan
from autograder.sandbox.settings import LANDLOCK
from autograder.sandbox.warm import start_kernel
from autograder.sandbox.watchdog import pid_of
from tests.benchmarks.meter import counted
from tests.tiny_course import TinyCourse

CELL = "import torch, torchvision, matplotlib"
Clock = Callable[[], float]  # processor seconds used so far


@dataclass
class Figures:
    """Of one kernel or hand-in; 0 where it is not measured."""

    wall_s: float  # to the first reply
    end_s: float  # to the end
    cpu_s: float = 0.0
    own_mib: float = 0.0  # memory that is the kernel's own


def first_reply(settings: BoxSettings, clock: Clock = time.process_time) -> Figures:
    """Start a kernel, have it answer, and end it."""
    used, started = clock(), time.perf_counter()
    kernel = start_kernel(settings, KernelPlan())
    driver = Driver(kernel, settings)
    try:
        driver.wait_until_ready()
        assert driver.execute(CELL, 120).status == "ok"
        wall_s = time.perf_counter() - started
        looking = clock()
        own_mib = _own_mib(pid_of(kernel.pidfd))
        used += clock() - looking
    finally:
        closing = time.perf_counter()
        driver.close()
    end_s = wall_s + time.perf_counter() - closing
    return Figures(wall_s, end_s, _settled(clock) - used, own_mib)


@contextmanager
def hand_in(config: str = "") -> Iterator[Callable[[Clock], Figures]]:
    """Something that judges right work for the tiny assignment, each time anew.

    Args:
        config: added to the course's configuration.
    """
    with tempfile.TemporaryDirectory(prefix="hand-in-") as folder:
        tiny = TinyCourse(Path(folder, "course"), config)
        course = load_course(tiny.root)
        build(course, "tiny")
        submitted = tiny.submission("ada")
        source = course.notebooks("tiny")["tiny"]

        def judge(clock: Clock) -> Figures:
            used, started = clock(), time.perf_counter()
            taken = read_notebooks(course, "tiny", submitted.parent)["tiny"]
            card = judge_job(make_job(course, "tiny", "ada", source, taken, submitted.parent)).card
            wall_s = time.perf_counter() - started
            scores = [item.score for item in card.items if not item.manual]
            assert scores == [3.0, 4.0], card
            return Figures(wall_s, wall_s, _settled(clock) - used)

        yield judge


@contextmanager
def _only(form: str) -> Iterator[None]:
    """This form and no other; it is asked once, when a warm process starts."""
    os.environ[ONLY] = form
    try:
        yield
    finally:
        del os.environ[ONLY]


def without_namespaces() -> BoxSettings | None:
    """Settings for that form of the wall, its warm process started; None where it cannot be built."""
    settings = BoxSettings(wall=LANDLOCK)
    try:
        with _only(LANDLOCK):
            first_reply(settings)
    except KitError as error:
        print(f"no {LANDLOCK} here: {error}")
        return None
    return settings


def _settled(clock: Clock) -> float:
    """The clock, once what has just ended has been buried."""
    time.sleep(0.1)
    return clock()


def _own_mib(pid: int) -> float:
    tree = [pid]
    for process in tree:
        for task in Path(f"/proc/{process}/task").iterdir():
            tree += map(int, (task / "children").read_text().split())
    return sum(map(_private_mib, tree))


def _private_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kib = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    return kib / 1024


def _in_turn(counts: dict[str, int], sides: dict[str, Callable[[], Figures]]) -> None:
    """Ask the sides in turn, so many times each, and print their figures and how they compare."""
    found: dict[str, list[Figures]] = {name: [] for name in sides}
    rounds = max(counts.values())
    for number in range(rounds):
        for name, side in sides.items():
            if number * counts[name] // rounds < (number + 1) * counts[name] // rounds:
                found[name].append(side())
    medians = {}
    for name, rows in found.items():
        walls, cpus = ([getattr(row, what) for row in rows] for what in ("wall_s", "cpu_s"))
        wall_s, end_s, cpu_s, own_mib = (
            statistics.median(getattr(row, what) for row in rows)
            for what in ("wall_s", "end_s", "cpu_s", "own_mib")
        )
        medians[name] = wall_s, end_s, cpu_s
        print(
            f"{name}: median {wall_s:.3f} s ({min(walls):.3f} to {max(walls):.3f}, n={len(walls)}), "
            f"{end_s:.3f} s to the end, "
            f"{cpu_s:.3f} s of CPU ({min(cpus):.3f} to {max(cpus):.3f})"
            + (f", {own_mib:.0f} MiB of its own" if own_mib else "")
        )
    first, *others = medians
    for name in others:
        ratios = (one / other for one, other in zip(medians[name], medians[first], strict=True))
        words = " {:.2f}, to the end {:.2f}, CPU {:.2f}"
        print(f"{name} / {first}:{words.format(*ratios)}")


def main() -> None:
    """Parse the options and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--forks", type=int, default=20)
    parser.add_argument("--cold", type=int, default=5)
    parser.add_argument("--hand-ins", type=int, default=0)
    options = parser.parse_args()
    warm, cold = BoxSettings(), BoxSettings(warm=False)
    with counted() as (clock, whole):
        print(check_wall(), "" if whole else "; processor time is this process's alone")
        first_reply(warm)  # starts the warm process
        confined = without_namespaces()
        kernels = {"warm": lambda: first_reply(warm, clock)}
        if confined is not None:
            kernels[LANDLOCK] = lambda: first_reply(confined, clock)
        if options.cold:
            kernels["cold"] = lambda: first_reply(cold, clock)
        counts = dict.fromkeys(kernels, options.forks) | {"cold": options.cold}
        if options.forks:
            _in_turn(counts, kernels)
        if not options.hand_ins:
            return
        with hand_in() as judge, hand_in(f"c.BoxSettings.wall = {LANDLOCK!r}") as judge_confined:
            judge(clock)
            hand_ins = {"hand-in, warm": lambda: judge(clock)}
            if confined is not None:
                with _only(LANDLOCK):
                    judge_confined(clock)
                hand_ins[f"hand-in, {LANDLOCK}"] = lambda: judge_confined(clock)
            _in_turn(dict.fromkeys(hand_ins, options.hand_ins), hand_ins)


if __name__ == "__main__":
    main()
