"""An older build beside this one: what both take for the same work, in turn, on the same processors.

    python -m tests.benchmarks.against_build FOLDER [--pairs 5] [--only vgg16,first,score,feedback,gate]

FOLDER is the older build's checkout (`git worktree add FOLDER COMMIT`). Each build has courses of its own, made of
its own notebooks, and runs under this Python. A pair is both, one after the other, the older first in every
second pair; what counts is the ratio within a pair, and of the pairs the median. Where others use the
machine, processor time still tells, and wall time does not.

- vgg16: a hand-in of the four notebooks, without what the command takes to start
- first: `grade` for one submission where nothing else is judged, the whole command: a notebook that imports
  torch, and a right hand-in. The gradebook and what is kept of the sources are there from the second pair on.
- score: `score` of one such notebook, the whole command
- feedback: the pages of a class (--class) of a tiny assignment, in which all have the same solutions and no
  outputs; none is there before
- again: the same when nothing has changed
- gate: `release vgg16`, with nothing kept from before
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.kit import ROOT, autograder, forget, nbgrader
from tests.benchmarks.meter import Cost
from tests.benchmarks.peers import courses
from tests.benchmarks.peers.assignment import NAME
from tests.tiny_course import TinyCourse

PARTS = ("vgg16", "first", "score", "feedback", "again", "gate")


@dataclass(frozen=True)
class Build:
    """A checkout of the kit, and a folder for courses of its own."""

    root: Path
    scratch: Path

    def run(self, course: Path, *words: str) -> Cost:
        """One of its commands."""
        return autograder(course, *words, build=self.root)

    def release(self, course: Path, assignment: str) -> None:
        """Release by nbgrader's own command, which asks no gate."""
        nbgrader(course, "generate_assignment", assignment, build=self.root)

    def vgg16_course(self, name: str) -> Path:
        """Its own course, with nothing released."""
        course = self.scratch / name
        shutil.copytree(self.root / "source", course / "source")
        for file in ("course_config.py", "nbgrader_config.py"):
            shutil.copy(self.root / file, course / file)
        return course

    def vgg16_class(self, count: int) -> Path:
        """The same with submissions: the answer key with its outputs, and a version in every solution."""
        course = self.vgg16_course("vgg16")
        self.release(course, "vgg16")
        for number in range(count):
            folder = course / "submitted" / f"student{number:03}" / "vgg16"
            folder.mkdir(parents=True)
            for path in (self.root / "solutions" / "vgg16").glob("*.ipynb"):
                notebook = json.loads(path.read_text())
                for cell in notebook["cells"]:
                    if cell["metadata"].get("nbgrader", {}).get("solution"):
                        comment = f"\n\n\n# version {number}"
                        cell["source"] = "".join(cell["source"]) + comment
                (folder / path.name).write_text(json.dumps(notebook))
        return course

    def small_class(self) -> Path:
        """One submission of a notebook that imports torch."""
        course = self.scratch / "small"
        courses.our_course(course, 1)
        self.release(course, NAME)
        return course

    def tiny_class(self, count: int) -> Path:
        """A graded class of a tiny assignment, in which students have the same solutions."""
        course = self.scratch / "tiny"
        tiny = TinyCourse(course)
        self.release(course, "tiny")
        for number in range(count):
            tiny.submission(f"student{number:04}", {})
        self.run(course, "grade", "tiny", "--quiet")
        return course


Part = Callable[[], Cost]


def vgg16(build: Build, further: int) -> Part:
    """Processor and wall time for each further hand-in."""
    course = build.vgg16_class(further + 1)

    def hand_in() -> Cost:
        forget(course)
        one = build.run(course, "grade", "vgg16", "--quiet", "--student", "student000")
        forget(course)
        all_of_them = build.run(course, "grade", "vgg16", "--quiet")
        wall_s, cpu_s = all_of_them.wall_s - one.wall_s, all_of_them.cpu_s - one.cpu_s
        cost = Cost(wall_s / further, cpu_s / further, one.whole, 0)
        cost.peak_mib = all_of_them.peak_mib
        return cost

    return hand_in


def first(build: Build) -> Part:
    """The whole command for the first submission of a class."""
    course = build.small_class()

    def grade() -> Cost:
        forget(course)
        return build.run(course, "grade", NAME, "--quiet", "--student", "student000")

    return grade


def score(build: Build) -> Part:
    """The whole command for a notebook that was not judged before."""
    course = build.small_class()
    path = course / "submitted" / "student000" / NAME / f"{NAME}.ipynb"

    def judge() -> Cost:
        forget(course)
        return build.run(course, "score", str(path))

    return judge


def feedback(build: Build, count: int, again: bool) -> Part:
    """The pages of a class."""
    course = build.tiny_class(count)

    def pages() -> Cost:
        if not again:
            shutil.rmtree(course / "feedback", ignore_errors=True)
        return build.run(course, "feedback", "tiny")

    if again:
        pages()
    return pages


def gate(build: Build) -> Part:
    """A release of vgg16, with everything that is asked before."""
    course = build.vgg16_course("gate")
    for cases in ("tests/submissions", "tests/cases"):  # without them nothing is released
        if (build.root / cases).is_dir():
            shutil.copytree(build.root / cases, course / cases)

    def release() -> Cost:
        shutil.rmtree(course / "records", ignore_errors=True)
        shutil.rmtree(course / "release", ignore_errors=True)
        return build.run(course, "release", "vgg16")

    return release


def compare(part: str, older: Build, newer: Build, options: argparse.Namespace) -> None:
    """Run the pairs of one part and print its line."""
    makers: dict[str, Callable[[Build], Part]] = {
        "vgg16": lambda build: vgg16(build, options.further),
        "first": first,
        "score": score,
        "feedback": lambda build: feedback(build, options.students, again=False),
        "again": lambda build: feedback(build, options.students, again=True),
        "gate": gate,
    }
    before, after = makers[part](older), makers[part](newer)
    pairs: list[tuple[Cost, Cost]] = []
    for number in range(options.pairs):
        if number % 2:
            new, old = after(), before()
        else:
            old, new = before(), after()
        pairs.append((old, new))
    for what, which in (("processor", "cpu_s"), ("wall", "wall_s")):
        old_s, new_s = (
            [getattr(cost, which) for cost in side] for side in zip(*pairs, strict=True)
        )
        ratios = [new / old for old, new in zip(old_s, new_s, strict=True)]
        print(
            f"{part:<10}{what:<11}{statistics.median(old_s):>9.2f} s{statistics.median(new_s):>9.2f} s"
            f"{statistics.median(ratios):>8.2f}   {' '.join(f'{ratio:.2f}' for ratio in ratios)}",
            flush=True,
        )
    for kind in sorted({kind for pair in pairs for cost in pair for kind in cost.peak_mib}):
        peaks = [
            max(cost.peak_mib.get(kind, 0.0) for cost in side) for side in zip(*pairs, strict=True)
        ]
        print(
            f"{'':<10}{kind:<11}{peaks[0]:>7.0f} MiB{peaks[1]:>7.0f} MiB, the largest", flush=True
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("older", type=Path, help="the older build's checkout")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", default=",".join(PARTS), help="some of these, in this order")
    parser.add_argument("--further", type=int, default=3, help="hand-ins of vgg16 after the first")
    parser.add_argument("--class", type=int, default=1000, dest="students", help="for feedback")
    options = parser.parse_args(arguments)
    if not (options.older / "autograder" / "__main__.py").is_file():
        parser.error(f"{options.older} is no checkout of the kit")
    print(f"{'':<21}{'older':>11}{'this':>11}{'ratio':>8}   pair by pair")
    for part in options.only.split(","):
        with tempfile.TemporaryDirectory(prefix="builds-") as scratch:
            sides = [
                Build(root.resolve(), Path(scratch, name))
                for name, root in (("older", options.older), ("this", ROOT))
            ]
            compare(part, sides[0], sides[1], options)
    print(f"{len(os.sched_getaffinity(0))} processors, load now {os.getloadavg()[0]:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
