"""The kit's commands on a course, measured; and what they leave, taken back."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.benchmarks.meter import Cost, OnLook, measure

ROOT = Path(__file__).parents[2]
_PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader runs alembic by name


def run(
    module: str, course: Path, *words: str, build: Path = ROOT, on_look: OnLook = lambda *_: None
) -> Cost:
    """`python -m MODULE` in a course's folder, by this checkout or an older one."""
    environment = {"PYTHONPATH": str(build), "PATH": _PATH}
    return measure([sys.executable, "-m", module, *words], course, environment, on_look)


def nbgrader(course: Path, *words: str, build: Path = ROOT) -> Cost:
    """One of nbgrader's commands, which must end well."""
    return checked(run("nbgrader", course, *words, build=build))


def autograder(
    course: Path, *words: str, build: Path = ROOT, on_look: OnLook = lambda *_: None
) -> Cost:
    """One of ours, which must end well."""
    ours = ("--course", str(course), *words)
    return checked(run("autograder", course, *ours, build=build, on_look=on_look))


def checked(cost: Cost) -> Cost:
    """A command that ended well; with its words otherwise."""
    if cost.returncode != 0:
        raise SystemExit(f"{cost.output}\nThis ended with exit code {cost.returncode}.")
    return cost


def forget(course: Path) -> None:
    """Take back what a course has been graded to, so that the next run does all of it."""
    for left in ("records/scorecards", "records/logs", "autograded"):
        shutil.rmtree(course / left, ignore_errors=True)
    (course / "records/ledger.db").unlink(missing_ok=True)
