"""The process from which the judge's workers are forked."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, with no module of the current folder."""
    return subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False
    )


def test_a_worker_finds_imported_what_judging_takes() -> None:
    """Else each worker would import it anew: seconds, and memory that is not shared.

    Torch takes longer than all the rest, and is imported after it, where hidden tests need it.
    """
    code = (
        "import sys, autograder.judge.forked_imports\n"
        "before = set(sys.modules)\n"
        "assert 'torch' not in before\n"
        "import autograder.judge.judge, autograder.judge.looks, autograder.grading.plugin\n"
        "print(len(set(sys.modules) - before), flush=True)"
    )
    done = run_python(code)
    assert done.stdout == "0\n", done.stderr


def test_whatever_ends_a_function_in_a_worker_ends_that_alone_and_is_told() -> None:
    """Such as the `sys.exit()` of a course's calibrate.py, after the class was graded."""
    code = (
        "import os, sys\n"
        "from autograder.errors import KitError\n"
        "from autograder.judge.forked import run_in_worker, start_importing\n"
        "start_importing(with_torch=False)\n"
        "for function, argument in ((sys.exit, 'no more'), (int, 'none'), (os._exit, 3)):\n"
        "    try:\n"
        "        run_in_worker(function, argument)\n"
        "    except KitError as error:\n"
        "        print(error)"
    )
    done = run_python(code)
    assert done.stdout.count(" died. Is there enough memory?\n") == 3, done.stderr
    assert "no more" in done.stderr
    assert "Traceback" in done.stderr
    assert "ValueError: invalid literal for int() with base 10: 'none'" in done.stderr


def test_of_a_grader_that_was_killed_no_worker_is_left() -> None:
    code = (
        "import sys, time\n"
        "from autograder.judge.forked import run_in_worker, start_importing\n"
        "start_importing(with_torch=False)\n"
        "run_in_worker(int)\n"
        "print('begun', flush=True)\n"
        "run_in_worker(time.sleep, 3)"
    )
    mark = f"OF_A_TEST={uuid.uuid4().hex}"
    name, _, value = mark.partition("=")
    grader = subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, name: value},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert grader.stdout is not None
    with grader.stdout:
        assert grader.stdout.readline() == b"begun\n"
    time.sleep(1)
    grader.kill()
    grader.wait()
    deadline = time.monotonic() + 20
    while (left := list(_with(mark))) and time.monotonic() < deadline:
        time.sleep(0.2)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def _with(mark: str) -> Iterator[int]:
    """Processes that were begun with this in their environment."""
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in environment.read_bytes():
                yield int(environment.parent.name)
