"""A class of 50 on two machines, one of which dies half-way: the same marks as on one machine?

    python -m tests.benchmarks.cluster_of_two [--students 50]

Started by root, each worker gets a network of its own (a namespace, with a bridge to the course's
machine) and does not see the course's folder; else they are processes with folders of their own. Exit
code 1 when a card differs from the one of a local run, or a submission is counted twice or not at all.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the workers that grade
from autograder.autograde.class_run import ClassRun
from autograder.autograde.grade import grade_class
from autograder.cluster import tls
from autograder.cluster.pool import on_cluster
from autograder.course import load_course
from autograder.judge.ledger import ledger_path
from autograder.release.release import build
from tests.dask_cluster import DaskCluster, kill
from tests.tiny_course import TinyCourse

WRONG = (
    {"double": "def double(x):\n    return abs(2 * x)"},
    {"mean": "def mean(numbers):\n    return sum(numbers)"},
    {"mean": "def mean(numbers):\n    raise NotImplementedError"},
    {"double": "def double(x):\n    return x +"},
)
NAMES = ("one", "two")


def make_class(root: Path, students: int) -> TinyCourse:
    """Submissions that all differ, half of them wrong in some way."""
    draw = random.Random(1)
    tiny = TinyCourse(root)
    build(load_course(root), "tiny")
    for number in range(students):
        cells = draw.choice(WRONG) if number % 2 else {}
        tiny.submission(f"student{number:02}", cells, extra=f"number = {number}")
    return tiny


def run(*command: str) -> None:
    subprocess.run(command, check=True)


class Networks:
    """A network for each worker, and a bridge between them and this machine."""

    def __init__(self) -> None:
        self._id = f"ag{os.getpid() % 10**5}"
        self.host = "10.77.77.1"

    def __enter__(self) -> Networks:
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self) -> None:
        run("ip", "link", "add", self._id, "type", "bridge")
        run("ip", "addr", "add", f"{self.host}/24", "dev", self._id)
        run("ip", "link", "set", self._id, "up")
        for number, name in enumerate(NAMES):
            inside, outside = f"{self._id}i{number}", self._outside(name)
            place = self._place(name)
            run("ip", "netns", "add", place)
            run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside)
            run("ip", "link", "set", outside, "master", self._id, "up")
            run("ip", "link", "set", inside, "netns", place)
            within = ("ip", "-n", place)
            run(*within, "addr", "add", f"10.77.77.{number + 11}/24", "dev", inside)
            run(*within, "link", "set", inside, "up")
            run(*within, "link", "set", "lo", "up")

    def __exit__(self, *_: object) -> None:
        for name in NAMES:
            subprocess.run(("ip", "netns", "delete", self._place(name)), check=False)
        subprocess.run(("ip", "link", "delete", self._id), check=False)

    def within(self, name: str, hidden: Path) -> list[str]:
        """A command that runs another one in a worker's network, without the course's folder."""
        cover = 'mount -t tmpfs none "$0" && exec "$@"'
        place = ["ip", "netns", "exec", self._place(name)]
        return [*place, "unshare", "--mount", "sh", "-c", cover, str(hidden)]

    def sent_mib(self, name: str) -> float:
        """What went from this machine to a worker."""
        counters = Path("/sys/class/net") / self._outside(name) / "statistics"
        return int((counters / "tx_bytes").read_text()) / 2**20

    def _place(self, name: str) -> str:
        return f"{self._id}-{name}"

    def _outside(self, name: str) -> str:
        return f"{self._id}o{NAMES.index(name)}"


def networks() -> contextlib.AbstractContextManager[Networks | None]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return contextlib.nullcontext()
    return Networks()


@contextlib.contextmanager
def started(folder: Path, course: Path, apart: Networks | None) -> Iterator[DaskCluster]:
    away = folder / "keys"  # as if copied to the workers: they do not see the course's folder
    tls.make_keys(away)
    shutil.copytree(away, course / "records" / tls.FOLDER)
    (folder / "machines").mkdir()
    cluster = DaskCluster(folder / "machines", away, apart.host if apart else "127.0.0.1")
    try:
        yield cluster
    finally:
        cluster.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=50)
    students = parser.parse_args().students
    with (
        tempfile.TemporaryDirectory(prefix="cluster-of-two-") as scratch,
        networks() as apart,
    ):
        root = Path(scratch) / "course"
        root.mkdir()
        make_class(root, students)
        with started(Path(scratch), root, apart) as cluster:
            places = "two networks" if apart else "two folders"
            print(f"{students} submissions, scheduler and two workers over TLS, in {places}")
            on_workers, seconds = grade_there(cluster, root, apart)
            rows = sqlite3.connect(ledger_path(load_course(root))).execute(
                "SELECT count(*) FROM judgements"
            )
            (kept,) = rows.fetchone()
        started_s = time.monotonic()
        local = grade_class(load_course(root), "tiny", regrade=True)
        local_s = time.monotonic() - started_s
    same = sum(a == b for a, b in zip(on_workers.cards, local.cards, strict=True))
    scores = sorted({card.score for card in local.cards})
    print(f"cluster, with one worker lost: {seconds:.0f} s; this machine alone: {local_s:.0f} s")
    print(f"cards equal to the local ones, words for staff included: {same} of {students}")
    print(f"judgements in the ledger: {kept}; different scores in the class: {scores}")
    print(f"submissions that need staff: {len(on_workers.reasons)}")
    good = same == kept == students and not on_workers.reasons and len(scores) > 2
    print("as it should be" if good else "NOT as it should be")
    return 0 if good else 1


def grade_there(cluster: DaskCluster, root: Path, apart: Networks | None) -> tuple[ClassRun, float]:
    """Grade on the cluster, and kill a worker when half is done."""
    workers = {
        name: cluster.add_worker(name, apart.within(name, root) if apart else ()) for name in NAMES
    }
    while not all("Registered to" in cluster.log(name) for name in NAMES):
        time.sleep(0.1)
    course = load_course(root)
    began = time.monotonic()

    def progress(_what: str, done: int, total: int) -> None:
        if done >= total // 2 and workers["two"].poll() is None:
            kill(workers["two"])
            print(f"kill -9 of worker two and its nanny at {done} of {total}", flush=True)

    with on_cluster(course, cluster.address, print):
        run = grade_class(course, "tiny", progress=progress)
        seconds = time.monotonic() - began
        left = {name: len(cluster.unpacked(name)) for name in NAMES}
        print(f"unpacked courses while grading: {left}")
        if apart:
            sent = ", ".join(f"{apart.sent_mib(name):.1f} MiB to {name}" for name in NAMES)
            print(f"sent over the network: {sent}")
    print(f"unpacked courses afterwards: {sum(len(cluster.unpacked(name)) for name in NAMES)}")
    return run, seconds


if __name__ == "__main__":
    sys.exit(main())
