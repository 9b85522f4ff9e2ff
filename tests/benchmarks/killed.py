"""Kill -9 at random moments: does one more run always end with the marks of an undisturbed one?

    python -m tests.benchmarks.killed [--moments 20] [--seed 1] [--students 20]

Each time a fresh copy of a tiny class is graded by `autograder grade`, and at a random moment SIGKILL
goes to the grader itself, in every second moment to one of the processes that it has started: a judge's
worker, the warm process from which boxes are forked, a box. Then the same command is given again, and it
is seen that

- rows of the gradebook, scorecards and autograded files are those of an undisturbed run,
- nothing was judged that the ledger had,
- no process is left, and no folder of a box.

Exit code 1 where that does not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests import kept
from tests.tiny_course import TinyCourse

# Python's own, which keeps account of semaphores, says so when it is killed and started again.
_TRACKER = re.compile(
    r'Traceback [^\n]*\n  File "[^"]*resource_tracker\.py"[^\n]*\n.*?KeyError[^\n]*\n', re.DOTALL
)
_PATIENCE_S = 60  # until what a killed process has started must be gone


def submission_a_class(tiny: TinyCourse, students: int) -> None:
    """Right and wrong submissions, all different; the last two cannot be graded, or are empty."""
    for number in range(students - 2):
        cells = {"mean": "mean = sum"} if number % 3 == 2 else {}
        pause = f"import time; time.sleep({0.2 + number / 1000})"
        tiny.submission(f"student{number:02}", cells, extra=pause)
    tiny.write("submitted/unreadable/tiny/tiny.ipynb", "this is no notebook")
    tiny.write("submitted/zero/tiny/notes.txt", "the notebook is not here")


class Run:
    """`autograder grade` in a process of its own, with a folder of its own for temporary files."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root, self.scratch = root, scratch
        scratch.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "autograder", "--course", str(root), "grade", "tiny"]
        self.process = psutil.Popen(
            [*command, "--quiet"],
            env={**os.environ, "TMPDIR": str(scratch), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def end(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=600)
        return self.process.returncode, said.decode()

    def judged(self) -> int:
        """How many notebooks were judged by the latest run, by its log."""
        logs = sorted((self.root / "records/logs").glob("grade-tiny-*.log"))
        found = re.findall(r"notebooks: (\d+) judged", logs[-1].read_text())
        return sum(map(int, found))


def in_the_ledger(root: Path) -> int:
    path = root / "records/ledger.db"
    if not path.exists():
        return 0
    with sqlite3.connect(path) as database:
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        query = "SELECT count(*) FROM judgements"
        return int(database.execute(query).fetchone()[0]) if tables else 0


@contextlib.contextmanager
def fresh(template: Path, folder: Path) -> Iterator[Path]:
    root = folder / "course"
    shutil.copytree(template, root, symlinks=True)
    try:
        yield root
    finally:
        shutil.rmtree(root)
        shutil.rmtree(folder / "scratch", ignore_errors=True)


def one_moment(
    root: Path, scratch: Path, after_s: float, anyone: bool, chance: random.Random
) -> tuple[str, int, int]:
    """Kill at a moment, and run again: what was hit, how many were in the ledger, how many judged.

    Nothing was hit where the run had ended before.
    """
    run = Run(root, scratch)
    time.sleep(after_s)
    if run.process.poll() is not None:
        return "", 0, 0
    family = run.process.children(recursive=True)
    target: psutil.Process = chance.choice(family) if anyone and family else run.process
    hit = "the grader"
    with contextlib.suppress(psutil.NoSuchProcess):  # one of its processes that has just ended
        if target is not run.process:
            hit = " ".join(target.cmdline())[-40:] or target.name()
        target.kill()
    code, said = run.end()
    assert "Traceback" not in _TRACKER.sub("", said), said
    assert code in (-9, 0, 2, 3), f"exit code {code}: {said}"
    left = psutil.wait_procs(family, timeout=_PATIENCE_S)[1]
    assert left == [], f"processes are left: {[process.cmdline() for process in left]}"
    known = in_the_ledger(root)
    again = Run(root, scratch)
    code, said = again.end()
    assert code == 3, f"the run after it ended with {code}: {said}"  # one submission is unreadable
    boxes = [path.name for path in scratch.iterdir() if path.name.startswith(("box-", "warm-"))]
    assert boxes == [], f"folders are left: {boxes}"
    return hit, known, again.judged()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--moments", type=int, default=20)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--students", type=int, default=20)
    chosen = options.parse_args()
    from autograder.course import load_course
    from autograder.release.release import build

    chance = random.Random(chosen.seed)
    failures = 0
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        tiny = TinyCourse(folder / "template")
        build(load_course(tiny.root), "tiny")
        tiny.write("records/secret", "5" * 64)
        submission_a_class(tiny, chosen.students)
        with fresh(tiny.root, folder) as root:
            started_s = time.monotonic()
            run = Run(root, folder / "scratch")
            code, said = run.end()
            took_s = time.monotonic() - started_s
            assert code == 3, said
            undisturbed, everything = kept.everything(root), run.judged()
        print(f"undisturbed: {took_s:.1f} s, {everything} notebooks judged", flush=True)
        number = 0
        while number < chosen.moments:
            after_s = chance.uniform(0, took_s)
            with fresh(tiny.root, folder) as root:
                try:
                    hit, known, judged = one_moment(
                        root, folder / "scratch", after_s, number % 2 == 1, chance
                    )
                    if not hit:  # the machine has become quicker
                        took_s = after_s
                        continue
                    wrong = kept.differences(kept.everything(root), undisturbed)
                    if judged > everything - known:
                        wrong.append(f"{judged} judged, though the ledger had {known}")
                except AssertionError as error:
                    hit, known, judged, wrong = "", 0, 0, [str(error)]
            number += 1
            told = "; ".join(wrong) or f"good: {known} known, {judged} judged after it"
            print(f"{number:3}. after {after_s:5.1f} s  {hit:<40}  {told}", flush=True)
            failures += bool(wrong)
    print(f"{chosen.moments - failures} of {chosen.moments} ended as an undisturbed run")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
