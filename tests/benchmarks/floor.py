"""The least that grading a class can cost: the same cells, probes and hidden tests in one warm process.

    python -m tests.benchmarks.floor COURSE ASSIGNMENT

No box, no notebook, no gradebook, no pytest: everything is imported before the clock starts, and a cell
is an `exec`. Prints processor seconds a submission as JSON. It has no wall: for the benchmarks' own
submissions only, never for a student's.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import io
import json
import os
import sys
import tempfile
import time
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in the box
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("AUTOGRADER_BOX", "1")
import IPython.display
import matplotlib
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from autograder import plain_data
from autograder.course import Course, load_course
from autograder.grading import Challenge, Device, Student
from autograder.judge.job import Job
from autograder.judge.submission import read_submission
from autograder.sandbox import BoxSettings

matplotlib.use("agg")


class Clock:
    """Processor seconds by part."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        started = time.process_time()
        try:
            yield
        finally:
            self.parts[part] += time.process_time() - started


class Bare:
    """Runs cells and probes here, and times nothing else; data crosses as copies."""

    def __init__(self, cells: tuple[str, ...], clock: Clock) -> None:
        self._clock = clock
        self._names: dict[str, Any] = {"__name__": "__main__", "display": _display}
        IPython.display.display = _display  # which cells import by name
        with clock("cells"), contextlib.redirect_stdout(io.StringIO()):
            for source in cells:
                exec(compile(source, "<cell>", "exec"), self._names)
                _show_figures()

    def ask(self, source: str, function: str, names: dict[str, str], data: dict[str, Any]) -> Any:
        """See `autograder.grading.student.BoxLike`."""
        with self._clock("wire"):
            given = dict(plain_data.loads(plain_data.dumps(data)))
        given |= {parameter: self._names[name] for parameter, name in names.items()}
        module = types.ModuleType("probe")
        with self._clock("probes"), contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, f"<probe {function}>", "exec"), module.__dict__)
            value = getattr(module, function)(**given)
        with self._clock("wire"):
            return plain_data.loads(plain_data.dumps(value))


def _show_figures() -> None:
    """What a notebook does at the end of a cell: pictures for its figures."""
    _display(*map(plt.figure, plt.get_fignums()))
    plt.close("all")


def _display(*shown: object) -> None:
    """What a notebook does when it is told to show something: a picture of a figure."""
    for one in shown:
        if isinstance(one, Figure):
            one.savefig(io.BytesIO(), format="png", bbox_inches="tight")


def hidden_tests(path: Path) -> list[Callable[..., None]]:
    """The tests of a grader file that are marked with `graded`, without those of a bonus."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # probes' sources are looked up there
    spec.loader.exec_module(module)
    marked = [value for value in vars(module).values() if getattr(value, "pytestmark", ())]
    return [
        test for test in marked if not any(mark.kwargs.get("bonus") for mark in test.pytestmark)
    ]


def judge(job: Job, tests: list[Callable[..., None]], secret: bytes, clock: Clock) -> None:
    """One notebook: its cells, then every hidden test; a test that fails is a fault of the benchmark's."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, content in job.files:
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, name).write_bytes(content)
        sys.path.insert(0, folder)
        torch.manual_seed(int(job.content[:8], 16))
        try:
            bare = Bare(job.cells, clock)
            before = dict(clock.parts)
            with clock("tests"):
                for test in tests:
                    fixtures: dict[str, Any] = {
                        "student": Student(bare),
                        "challenge": Challenge(secret, job.content, test.__name__),
                        "device": Device(),
                        "images": None,
                        "note": lambda *_: None,
                    }
                    test(**{name: fixtures[name] for name in inspect.signature(test).parameters})
            for part in ("probes", "wire"):  # these ran inside of the tests
                clock.parts["tests"] -= clock.parts[part] - before.get(part, 0.0)
        finally:
            sys.path.remove(folder)
            for job_file, _content in job.files:  # the next submission imports its own
                sys.modules.pop(Path(job_file).stem, None)


def floor(course: Course, assignment: str, students: list[str]) -> dict[str, float]:
    """Processor seconds a submission, by part; the first submission, which fills caches, does not count."""
    torch.set_num_threads(BoxSettings(config=course.config).threads)
    tests = {
        name: hidden_tests(course.graders(assignment) / f"test_{name}.py")
        for name in course.notebooks(assignment)
    }
    clock = Clock()
    for number, student in enumerate(students):
        intake = read_submission(course, assignment, student, course.submitted(student, assignment))
        for name, job in intake.jobs.items():
            judge(job, tests[name], course.secret(), clock)
        if number == 0:
            clock.parts.clear()
    return {part: used_s / (len(students) - 1) for part, used_s in clock.parts.items()}


if __name__ == "__main__":
    the_course = load_course(Path(sys.argv[1]))
    right = [name for name in the_course.students(sys.argv[2]) if name.startswith("student")]
    print(json.dumps(floor(the_course, sys.argv[2], right)))
