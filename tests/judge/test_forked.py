"""The process from which the judge's workers are forked."""

from __future__ import annotations

import subprocess
import sys


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
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stdout == "0\n", done.stderr
