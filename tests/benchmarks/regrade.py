"""A changed hidden test: what is judged again, and how long that takes against the first run.

    python tests/benchmarks/regrade.py [--students 10]

A class hands in all four notebooks of `vgg16`, each student's different from everybody else's. Then one
grader file of the course gets one more comment. The unit is the notebook: `test_3_training.py` holds the
hidden tests of `3_training.ipynb`, they run in one box, in one order, after one pass through the
student's cells, so that an item is not judged without its neighbours. Exit code 1 where anything else is
judged again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[2]))

import shutil

import nbformat

import autograder

CHANGED = "3_training"
GRADERS = 'c.CourseSettings.graders_directory = "graders"\n'


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--students", type=int, default=10)
    chosen = options.parse_args()
    from autograder.autograde.grade import grade_class
    from autograder.course import load_course
    from autograder.judge.job import Job
    from autograder.judge.service import JudgeService
    from autograder.release.cases import submission_of
    from autograder.release.release import build
    from tests.course_copy import copy_of_the_course

    judged: Counter[str] = Counter()
    real = JudgeService._start

    def start(self: JudgeService, job: Job, key: str) -> object:
        judged[job.notebook] += 1
        return real(self, job, key)

    JudgeService._start = start  # type: ignore[assignment, method-assign]
    with tempfile.TemporaryDirectory() as folder:
        root = copy_of_the_course(Path(folder))
        own = Path(autograder.__file__).parent / "graders"
        shutil.copytree(own, root / "graders", ignore=shutil.ignore_patterns("__pycache__"))
        with (root / "course_config.py").open("a") as config:
            config.write(GRADERS)
        course = load_course(root)
        build(course, "vgg16")
        for name, source in course.notebooks("vgg16").items():
            for number in range(chosen.students):
                notebook = submission_of(source)
                notebook.cells.append(nbformat.v4.new_code_cell(f"number = {number}"))
                path = course.submitted(f"student{number:02}", "vgg16") / f"{name}.ipynb"
                path.parent.mkdir(parents=True, exist_ok=True)
                nbformat.write(notebook, path)
        first_s = _timed(lambda: grade_class(course, "vgg16"))
        _tell("the first run", first_s, judged)
        judged.clear()
        _tell("a second run", _timed(lambda: grade_class(course, "vgg16")), judged)
        path = course.graders("vgg16") / f"test_{CHANGED}.py"
        path.write_text(f"{path.read_text()}\n# One more comment.\n")
        again_s = _timed(lambda: grade_class(course, "vgg16"))
        _tell(f"after a change to {path.name}", again_s, judged)
        print(f"{again_s / first_s:.0%} of the first run's time")
        return 0 if judged == {CHANGED: chosen.students} else 1


def _timed(do: object) -> float:
    started_s = time.monotonic()
    assert callable(do)
    do()
    return time.monotonic() - started_s


def _tell(what: str, wall_s: float, judged: Counter[str]) -> None:
    told = ", ".join(f"{name} {count} times" for name, count in sorted(judged.items()))
    print(f"{what}: {wall_s:.1f} s; judged: {told or 'nothing'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
