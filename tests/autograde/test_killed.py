"""A run that was killed, at the worst moments: one more run, and nothing tells of it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from autograder.autograde.grade import grade_class
from autograder.course import load_course
from autograder.judge.ledger import ledger_path
from tests import kept
from tests.tiny_course import TinyCourse

STUDENTS = ["ada", "bob", "cem", "dee", "eli", "fay"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, released: Path) -> TinyCourse:
    """A class after a run of its own, with all of its records."""
    tiny = TinyCourse(tmp_path_factory.mktemp("undisturbed"), released=released)
    tiny.write("records/secret", "5" * 64)
    for number, student in enumerate(STUDENTS):
        tiny.submission(student, extra=f"import time; time.sleep({0.3 + number / 1000})")
    tiny.submission("bob", {"mean": "mean = sum"}, extra="import time; time.sleep(0.3)")
    assert grade_class(load_course(tiny.root), "tiny").reasons == {}
    return tiny


@pytest.fixture
def ungraded(tmp_path: Path, released: Path, undisturbed: TinyCourse) -> TinyCourse:
    """The same class before it was graded."""
    tiny = TinyCourse(tmp_path, released=released)
    tiny.write("records/secret", "5" * 64)
    submitted = undisturbed.root / "submitted"
    for path in submitted.rglob("*.ipynb"):
        tiny.write(f"submitted/{path.relative_to(submitted)}", path.read_text())
    return tiny


def in_the_ledger(tiny: TinyCourse) -> int:
    with sqlite3.connect(ledger_path(load_course(tiny.root))) as database:
        return int(database.execute("SELECT count(*) FROM judgements").fetchone()[0])


KILLED = """
import importlib, os, signal, sys

module, _, name = {point!r}.rpartition(".")
place = importlib.import_module(module) if module.rpartition(".")[2].islower() else None
if place is None:
    module, _, kind = module.rpartition(".")
    place = getattr(importlib.import_module(module), kind)
real, calls = getattr(place, name), []

def killed_at_the_second_call(*arguments, **named):
    calls.append(name)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **named)

setattr(place, name, killed_at_the_second_call)
from autograder.cli import main
from autograder.judge.pool import LocalPool
LocalPool.prepare = lambda *_: None  # nothing is left to be judged
main(["--course", sys.argv[1], "grade", "tiny", "--quiet", "--student", "[ab]*"])
"""


@pytest.mark.parametrize(
    ("point", "kept_before"),
    [
        ("autograder.autograde.marks.comment_text", []),  # marks half written
        ("autograder.autograde.marks.stage_answers", ["ada"]),  # all written, none committed
        ("autograder.autograde.gradebook.Entry.put_files", ["ada"]),  # committed, but for the files
        ("autograder.autograde.writing.mark_done", ["ada"]),  # all done, but for the note
    ],
    ids=["in the marks", "before the commit", "after the commit", "before the note"],
)
def test_killed_while_it_writes(
    point: str,
    kept_before: list[str],
    ungraded: TinyCourse,
    undisturbed: TinyCourse,
    started: list[str],
) -> None:
    """What was judged is in the ledger, so that there is nothing but the writing."""
    ledger = ledger_path(load_course(undisturbed.root)).read_bytes()
    (ungraded.root / "records/ledger.db").write_bytes(ledger)
    done = subprocess.run(
        [sys.executable, "-c", KILLED.format(point=point), str(ungraded.root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    run = grade_class(load_course(ungraded.root), "tiny")
    assert run.kept == kept_before
    assert started == []
    assert kept.differences(kept.everything(ungraded.root), kept.everything(undisturbed.root)) == []
    assert list(ungraded.root.rglob("*.tmp")) == []


def test_killed_while_it_judges(
    ungraded: TinyCourse, undisturbed: TinyCourse, started: list[str]
) -> None:
    command = [sys.executable, "-m", "autograder", "--course", str(ungraded.root), "grade", "tiny"]
    run = subprocess.Popen([*command, "--quiet"], stderr=subprocess.DEVNULL)
    note = ungraded.root / "records/scorecards/tiny/ada/graded"
    while not note.exists() and run.poll() is None:
        time.sleep(0.01)
    family = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    assert run.wait() == -signal.SIGKILL
    assert psutil.wait_procs(family, timeout=60)[1] == [], "no worker and no box is left"
    known = in_the_ledger(ungraded)
    again = grade_class(load_course(ungraded.root), "tiny")
    assert "ada" in again.kept
    assert len(started) == len(STUDENTS) - known
    assert kept.differences(kept.everything(ungraded.root), kept.everything(undisturbed.root)) == []
