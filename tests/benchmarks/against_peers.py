"""The same class graded by stock nbgrader, by otter-grader and by this kit, on the same processors.

    python -m tests.benchmarks.against_peers [--submissions 20] [--only ours,vgg16] [--otter PYTHON]

First a small notebook that imports torch and torchvision, with six grade cells and hidden tests that
ask for the same computation (`peers/`): right submissions, no two alike, and one with two mistakes. All
three must give the marks that are right; and so must nbgrader's own course once `autograder adopt` has
taken it over, as it is. Then this kit's own four notebooks, the reference in as many
versions. Beside both stands the floor (`floor.py`): the same computation in one warm process.

Processor time is that of everything that a command starts; a command is measured with its start, and
for ours also without it (by a run on one submission). otter-grader gets an environment of its own, made
once in a cache folder, that shares this one's torch. Exit code 1 when marks are not as they should be.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.course import load_course
from autograder.course.cells import grade_id_of
from autograder.release.cases import submission_of
from autograder.release.release import build
from tests.benchmarks import kit
from tests.benchmarks.kit import autograder, checked, forget
from tests.benchmarks.meter import Cost, measure
from tests.benchmarks.peers import courses
from tests.benchmarks.peers.assignment import NAME, POINTS, marks_of_the_wrong_one
from tests.course_copy import copy_of_the_course

OTTER = "otter-grader==7.0.0"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "autograder-benchmarks"
_SYSTEMS = ("ours", "adopted", "nbgrader", "nbgrader-immediate", "otter", "vgg16")
# otter-grader's environment has the kernel's package from this one, and so must find its kernelspec here.
_KERNELS = {"JUPYTER_PATH": str(Path(sys.prefix, "share", "jupyter"))}

Marks = Mapping[str, Mapping[str, float]]  # by student and task


@dataclass(frozen=True)
class Line:
    """One row of the table: what graded so many submissions, and what that cost."""

    what: str
    submissions: int
    wall_s: float
    cpu_s: float

    @property
    def each_s(self) -> float:
        return self.wall_s / self.submissions


def wanted_marks(count: int) -> dict[str, dict[str, float]]:
    """What every system should give."""
    right = {student: dict(POINTS) for student in courses.students(count)}
    return {**right, courses.WRONG: marks_of_the_wrong_one()}


def ours(root: Path, count: int) -> tuple[list[Line], Marks]:
    """`autograder grade`, the whole command, and without what it takes to start."""
    courses.our_course(root, count)
    build(load_course(root), NAME)
    return graded(root, count, "autograder grade")


def adopted(root: Path, count: int) -> tuple[list[Line], Marks]:
    """nbgrader's course, taken over as it is: hidden regions judge, in a second box."""
    courses.nbgraders_course(root, count)
    cost = autograder(root, "adopt")
    print(f"   autograder adopt: {cost.wall_s:.1f} s")
    return graded(root, count, "autograder grade, adopted")


def graded(root: Path, count: int, name: str) -> tuple[list[Line], Marks]:
    """The class graded by us: first one of it, then, forgetting that, all."""
    one = grade(root, NAME, "--student", courses.WRONG)
    forget(root)
    whole = grade(root, NAME)
    export = autograder(root, "export", NAME)
    marks: dict[str, dict[str, float]] = {}
    for row in csv.DictReader(io.StringIO(export.output)):
        task = row["grade_id"].removesuffix("_tests")
        marks.setdefault(row["student"], {})[task] = float(row["score"])
    lines = [
        line_of(name, count + 1, whole),
        Line(
            "  each further submission",
            count,
            max(whole.wall_s - one.wall_s, 1e-9),
            whole.cpu_s - one.cpu_s,
        ),
    ]
    print_parts(whole, one, count)
    if (root / "graders" / NAME / f"test_{NAME}.py").is_file():
        print_floor(root, NAME, (whole.cpu_s - one.cpu_s) / count)
    return lines, marks


def nbgrader(root: Path, count: int, immediate: bool = False) -> tuple[list[Line], Marks]:
    """Stock `nbgrader autograde`, serial as it is."""
    from nbgrader.api import Gradebook

    courses.nbgraders_course(root, count, immediate)
    kit.nbgrader(root, "generate_assignment", NAME)
    cost = kit.nbgrader(root, "autograde", NAME)
    with Gradebook(f"sqlite:///{root}/gradebook.db") as book:
        marks = {
            submission.student.id: {
                grade.name.removesuffix("_tests"): float(grade.score)
                for notebook in submission.notebooks
                for grade in notebook.grades
            }
            for submission in book.assignment_submissions(NAME)
        }
    name = "nbgrader autograde" + (", kernels ended at once" if immediate else "")
    return [line_of(name, count + 1, cost)], marks


def otter(root: Path, count: int, python: Path) -> tuple[list[Line], Marks]:
    """`otter run`, one submission after the other, as it is."""
    courses.otters_folder(root, count)
    command = [str(python), "-m", "otter"]
    no = [f"--no-{what}" for what in ("config", "requirements", "environment")]
    checked(measure([*command, "generate", "-t", "tests", "-o", "tests.zip", *no], root))
    wall_s = cpu_s = 0.0
    marks: dict[str, dict[str, float]] = {}
    for student in wanted_marks(count):
        (root / student).mkdir()
        run = [*command, "run", "-a", "tests.zip", "-o", student, f"{student}.ipynb"]
        cost = checked(measure(run, root, _KERNELS))
        wall_s, cpu_s = wall_s + cost.wall_s, cpu_s + cost.cpu_s
        results = json.loads((root / student / "results.json").read_text())
        marks[student] = {
            test["name"]: float(test["score"]) for test in results["tests"] if "score" in test
        }
    return [Line("otter run", count + 1, wall_s, cpu_s)], marks


def vgg16(root: Path, count: int) -> list[Line]:
    """This kit's own four notebooks: the reference, with a version in every solution."""
    course = load_course(copy_of_the_course(root))
    build(course, "vgg16")
    for number in range(count):
        student = f"student{number:03}"
        folder = course.submitted(student, "vgg16")
        folder.mkdir(parents=True)
        for name, source in course.notebooks("vgg16").items():
            notebook = submission_of(source)
            for cell in notebook.cells:
                if cell.cell_type == "code" and grade_id_of(cell) and "def " in cell.source:
                    cell.source += f"\n\n\nversion = {number}"
            (folder / f"{name}.ipynb").write_text(json.dumps(notebook))
    one = grade(root, "vgg16", "--student", "student000")
    forget(root)
    whole = grade(root, "vgg16")
    print_parts(whole, one, count - 1)
    each_s = (whole.cpu_s - one.cpu_s) / (count - 1)
    print_floor(root, "vgg16", each_s)
    further = Line(
        "  each further submission", count - 1, whole.wall_s - one.wall_s, whole.cpu_s - one.cpu_s
    )
    return [line_of("autograder grade vgg16", count, whole), further]


def grade(root: Path, assignment: str, *options: str) -> Cost:
    return autograder(root, "grade", assignment, "--quiet", *options)


def line_of(what: str, submissions: int, cost: Cost) -> Line:
    return Line(what, submissions, cost.wall_s, cost.cpu_s)


def print_parts(whole: Cost, one: Cost, more: int) -> None:
    """Where our processor time goes, for the start and for each further submission."""
    print(f"\n   {'CPU seconds by process':<26}{'start and one':>14}{'each further':>14}")
    for part in sorted({*whole.parts, *one.parts}):
        first, rest = one.parts.get(part, 0.0), whole.parts.get(part, 0.0)
        print(f"   {part:<26}{first:>14.2f}{(rest - first) / more:>14.3f}")
    print(f"   {'boxes':<26}{one.rest_s:>14.2f}{(whole.rest_s - one.rest_s) / more:>14.3f}")
    memory = ", ".join(f"{part} {mib:.0f}" for part, mib in sorted(whole.peak_mib.items()))
    print(f"   largest resident memory in MiB: {memory}")
    if not whole.whole:
        print("   no control group can be made here: the boxes' processor time is not counted")


def print_floor(root: Path, assignment: str, each_s: float) -> None:
    """The same computation in one warm process, and what is over it."""
    cost = checked(kit.run("tests.benchmarks.floor", root, str(root), assignment))
    parts: dict[str, float] = json.loads(cost.output.splitlines()[-1])
    compute = parts["cells"] + parts["probes"]
    floor = compute + parts["tests"]
    print(
        f"   floor: {floor:.3f} s a submission (cells {parts['cells']:.3f}, probes "
        f"{parts['probes']:.3f}, the hidden tests' own {parts['tests']:.3f})\n"
        f"   overhead over cells and probes: {each_s - compute:.3f} s of CPU a submission; over the floor: "
        f"{each_s - floor:.3f} s"
    )


def print_table(lines: Sequence[Line]) -> None:
    base = next((line for line in lines if line.what.startswith("autograder grade")), None)
    print(
        f"\n{'':<42}{'submissions':>9}{'wall s':>9}{'a minute':>10}{'CPU s each':>12}{'ours is':>16}"
    )
    for line in lines:
        times = ""
        if base is not None and line.what.startswith(("nbgrader", "otter")):
            times = f"{line.each_s / base.each_s:.1f} times"
        print(
            f"{line.what:<42}{line.submissions:>9}{line.wall_s:>9.1f}{60 / line.each_s:>10.1f}"
            f"{line.cpu_s / line.submissions:>12.2f}{times:>16}"
        )


def otters_python(named: Path | None) -> Path | None:
    """An interpreter with otter-grader; made in the cache folder if need be. None where it cannot be."""
    if named is not None:
        return named
    folder = _CACHE / OTTER.replace("==", "-")
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    print(f"making an environment for {OTTER} in {folder}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    packages = sysconfig.get_path("purelib")
    (pure,) = (folder / "lib").glob("python*/site-packages")
    (pure / "beside.pth").write_text(f"{packages}\n")  # torch and Jupyter, not installed twice
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", OTTER], check=False)
    if done.returncode != 0:
        print(f"{OTTER} cannot be installed here; the rest goes on without it", flush=True)
        return None
    (folder / "ready").touch()
    return python


def compare(count: int, systems: Sequence[str], python: Path | None, keep: Path | None) -> int:
    """Grade the class with each system; the exit code."""
    runs: dict[str, Callable[[Path], tuple[list[Line], Marks]]] = {
        "ours": lambda root: ours(root, count),
        "adopted": lambda root: adopted(root, count),
        "nbgrader": lambda root: nbgrader(root, count),
        "nbgrader-immediate": lambda root: nbgrader(root, count, immediate=True),
        "vgg16": lambda root: (vgg16(root, count), {}),
    }
    if python is not None:
        runs["otter"] = lambda root: otter(root, count, python)
    lines: list[Line] = []
    bad = 0
    with tempfile.TemporaryDirectory(prefix="peers-") as scratch:
        for system in systems:
            if system not in runs:
                print(f"{system}: left out")
                continue
            root = (keep or Path(scratch)) / system
            root.mkdir(parents=True)
            print(f"{system}: load {os.getloadavg()[0]:.2f}", flush=True)
            more, marks = runs[system](root)
            lines += more
            if system != "vgg16":
                same = marks == wanted_marks(count)
                bad += not same
                total = sum(sum(items.values()) for items in marks.values())
                verdict = "as they should be" if same else "NOT as they should be"
                print(f"   marks of {len(marks)} submissions, {total:g} points in all: {verdict}")
    print_table(lines)
    print(f"\n{len(os.sched_getaffinity(0))} processors, load now {os.getloadavg()[0]:.2f}")
    return 1 if bad else 0


def main() -> int:
    """Parse the options and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--submissions", type=int, default=20, help="right ones; one more is wrong")
    parser.add_argument("--only", default=",".join(_SYSTEMS), help="some of these, in this order")
    parser.add_argument("--otter", type=Path, metavar="PYTHON", help="one that has otter-grader")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the courses there")
    options = parser.parse_args()
    systems = options.only.split(",")
    if unknown := set(systems) - set(_SYSTEMS):
        parser.error(f"--only knows {', '.join(_SYSTEMS)}, not {', '.join(unknown)}")
    if options.submissions < 2:
        parser.error("--submissions must be 2 at least, or there is no further one")
    python = otters_python(options.otter) if "otter" in systems else None
    return compare(options.submissions, systems, python, options.keep)


if __name__ == "__main__":
    sys.exit(main())
