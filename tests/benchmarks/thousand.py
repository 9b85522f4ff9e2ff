"""A class of a thousand: does grading stay as quick, and the grader as small, to the end?

    python -m tests.benchmarks.thousand [--submissions 1000] [--keep FOLDER]

The submissions are of the tests' tiny assignment, no two alike, so that each is judged. Prints time a
submission and memory for the first tenth and the last, the gradebook's size, and what other commands take.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

from autograder.course import load_course
from autograder.release.release import build
from tests.benchmarks.kit import autograder
from tests.tiny_course import TinyCourse

_MIB = 2**20


class Progress:
    """When each submission was graded, and how large the processes were then."""

    def __init__(self, scorecards: Path) -> None:
        self._scorecards = scorecards
        self._next = 0.0
        # Time, how many were graded, MiB by kind of process, processor seconds until then.
        self.seen: list[tuple[float, int, dict[str, float], float]] = []

    def look(self, memory: dict[str, float], cpu_s: float) -> None:
        """Called several times a second; looks once a second, so as not to slow what it looks at."""
        now = time.perf_counter()
        if now >= self._next:
            self._next = now + 1.0
            graded = sum(1 for _ in self._scorecards.iterdir()) if self._scorecards.is_dir() else 0
            self.seen.append((now, graded, memory, cpu_s))

    def seconds(self, first: int, last: int) -> float:
        """How long it took from the first to the last of these submissions."""
        return self._at(last, 0) - self._at(first, 0)

    def cpu_seconds(self, first: int, last: int) -> float:
        """The processor time from the first to the last of these submissions, of all processes."""
        return self._at(last, 3) - self._at(first, 3)

    def _at(self, count: int, which: Literal[0, 3]) -> float:
        """A clock when so many were graded, between two looks in proportion."""
        before = self.seen[0]
        for look in self.seen:
            if look[1] >= count:
                gone = (count - before[1]) / max(1, look[1] - before[1])
                return before[which] + gone * (look[which] - before[which])
            before = look
        return before[which]

    def memory(self, first: int, last: int, kind: str) -> float:
        """The median of the largest process of a kind while these were graded, in MiB."""
        found = [
            memory[kind]
            for _, count, memory, _ in self.seen
            if first <= count <= last and kind in memory
        ]
        return statistics.median(found) if found else 0.0


def make_class(root: Path, count: int) -> None:
    """A released tiny course and its submissions."""
    tiny = TinyCourse(root)
    build(load_course(root), "tiny")
    for number in range(count):
        solution = f"def double(x):\n    once = {number} + x\n    return once + x - {number}"
        tiny.submission(f"student{number:04}", {"double": solution})


def compare(root: Path, count: int) -> None:
    """Grade the class and print what changes on the way."""
    make_class(root, count)
    progress = Progress(root / "records" / "scorecards" / "tiny")
    print(f"load before {os.getloadavg()[0]:.2f}", flush=True)
    cost = autograder(root, "grade", "tiny", "--quiet", on_look=progress.look)
    print(
        f"{count} submissions: {cost.wall_s:.0f} s, {60 * count / cost.wall_s:.0f} a minute, "
        f"{cost.cpu_s / count:.3f} s of CPU each; load {os.getloadavg()[0]:.2f}"
    )
    tenth = max(2, count // 10)
    parts = {"first": (1, tenth), "last": (count - tenth + 1, count)}
    rows = {
        "seconds a submission": [progress.seconds(*part) / (tenth - 1) for part in parts.values()],
        "CPU s a submission": [
            progress.cpu_seconds(*part) / (tenth - 1) for part in parts.values()
        ],
        **{
            f"{kind}, MiB": [progress.memory(*part, kind) for part in parts.values()]
            for kind in ("main", "workers", "warm", "box")
        },
    }
    print(f"\n{'':<20}{'first ' + str(tenth):>12}{'last ' + str(tenth):>12}{'ratio':>8}")
    for what, (first, last) in rows.items():
        ratio = f"{last / first:.2f}" if first else ""
        print(f"{what:<20}{first:>12.3f}{last:>12.3f}{ratio:>8}")
    by_hundred = [
        f"{progress.seconds(start, min(start + tenth, count)) / tenth:.2f}"
        for start in range(1, count - tenth + 2, tenth)
    ]
    print(f"seconds a submission, tenth by tenth: {' '.join(by_hundred)}\n")
    for path in sorted((root / "records").iterdir()):
        sizes = [one.stat().st_size for one in (path, *path.rglob("*")) if one.is_file()]
        print(f"{path.name:<20}{sum(sizes) / _MIB:>10.1f} MiB")
    for words in (("grade", "tiny", "--quiet"), ("export", "tiny"), ("feedback", "tiny")):
        cost = autograder(root, *words)
        name = "grade again" if words[0] == "grade" else words[0]
        print(f"{name:<20}{cost.wall_s:>10.1f} s, {cost.cpu_s:.1f} s of CPU")


def main() -> int:
    """Parse the options and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the course there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="thousand-") as scratch:
        root = options.keep or Path(scratch)
        root.mkdir(parents=True, exist_ok=True)
        compare(root, options.submissions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
