"""A class that was taken over from nbgrader as it is: stock `nbgrader autograde` and `autograder grade`.

    python -m tests.benchmarks.adopted [--submissions 30] [--stock 6] [--pairs 1] [--only torch,plain]
    python -m tests.benchmarks.adopted --source FOLDER   # your own: source notebooks, with their files

`torch` is the notebook of `peers/`, which imports torch and has hidden regions, so that it runs twice here;
`plain` is `ps1`, which comes with nbgrader: two notebooks without torch, and its two hand-ins in turn. With
`--source` the reference is handed in. No two submissions are alike.

Stock takes long. So it grades one of the class, then some more (`--stock`, with that one), and what each
of these took stands for the rest. Ours is the whole command on the whole class. Both run on the same
processors, one after the other, and the marks of those whom stock graded are compared item by item.

Processor time stands beside wall time, for machines where others work, too. Stock uses one processor at a
time. Exit code 1 when a mark differs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import nbgrader
from nbformat import NotebookNode

from autograder.course import load_course, read_source
from autograder.release.cases import submission_of
from autograder.release.release import build
from tests.benchmarks import kit
from tests.benchmarks.meter import Cost
from tests.benchmarks.peers import courses
from tests.benchmarks.peers.assignment import NAME

_EXAMPLE = Path(nbgrader.__file__).parent / "docs/source/user_guide"

Make = Callable[[Path, int], str]  # a course in a folder, with so many submissions; its assignment
Marks = dict[tuple[str, str, str], tuple[float | None, bool]]  # by student, notebook, grade_id


@dataclass(frozen=True)
class Pair:
    """What one class cost both; seconds of wall time, then of processor time."""

    ours: tuple[float, float]
    stock: tuple[float, float]
    adopt: tuple[float, float]
    differ: int  # marks

    @property
    def ratios(self) -> tuple[float, float]:
        return self.stock[0] / self.ours[0], self.stock[1] / self.ours[1]


def torch_class(root: Path, count: int) -> str:
    """The notebook of `peers`."""
    courses.nbgraders_course(root, count - 1)
    return NAME


def plain_class(root: Path, count: int) -> str:
    """nbgrader's own example."""
    shutil.copytree(_EXAMPLE / "source/ps1", root / "source/ps1")
    both = [_EXAMPLE / f"submitted/{name}/ps1" for name in ("bitdiddle", "hacker")]
    for number in range(count):
        notebooks = {path.stem: nbformat.read(path, 4) for path in both[number % 2].glob("*.ipynb")}
        _hand_in(notebooks, root / f"submitted/student{number:03}/ps1", number)
    return "ps1"


def class_of(source: Path) -> Make:
    """The reference of an assignment."""

    def make(root: Path, count: int) -> str:
        shutil.copytree(source, root / "source" / source.name)
        for number in range(count):
            read = {path.stem: read_source(path) for path in source.glob("*.ipynb")}
            notebooks = {name: submission_of(notebook) for name, notebook in read.items()}
            _hand_in(notebooks, root / f"submitted/student{number:03}/{source.name}", number)
        return source.name

    return make


def _hand_in(notebooks: Mapping[str, NotebookNode], folder: Path, number: int) -> None:
    folder.mkdir(parents=True)
    for name, notebook in notebooks.items():
        for cell in notebook.cells:
            about = cell.metadata.get("nbgrader", {})
            if cell.cell_type == "code" and about.get("solution") and not about.get("grade"):
                cell.source += f"\n\n# version {number}"
        nbformat.write(notebook, folder / f"{name}.ipynb")


def by_stock(root: Path, assignment: str, sample: int) -> tuple[tuple[float, float], Marks]:
    """Stock nbgrader: the cost of the whole class by that of a sample, and the sample's marks."""
    folders = sorted((root / "submitted").iterdir())
    for folder in folders[sample:]:
        shutil.rmtree(folder)
    kit.nbgrader(root, "generate_assignment", assignment)
    first = kit.nbgrader(root, "autograde", assignment, f"--student={folders[0].name}")
    more = kit.nbgrader(root, "autograde", assignment)  # what is graded it leaves alone
    rest = len(folders) - 1

    def whole(one_s: float, more_s: float) -> float:
        return one_s + rest * (more_s - one_s) / (sample - 2)

    cost = whole(first.wall_s, more.wall_s), whole(first.cpu_s, more.cpu_s)
    return cost, marks(f"sqlite:///{root}/gradebook.db", assignment)


def by_ours(root: Path, assignment: str) -> tuple[Cost, Cost, Marks]:
    """What it costs to adopt, and to grade the class; and the marks."""
    adopt = kit.run("autograder", root, "--course", str(root), "adopt")
    if adopt.returncode != 0:
        print(f"   the gate kept it back, and it is released all the same:\n{adopt.output}")
        build(load_course(root), assignment)
    cost = kit.autograder(root, "grade", assignment, "--quiet")
    return adopt, cost, marks(f"sqlite:///{root}/records/gradebook.db", assignment)


def marks(url: str, assignment: str) -> Marks:
    """The points that were given automatically, and whether a person is waited for."""
    from nbgrader.api import Gradebook

    with Gradebook(url) as book:
        return {
            (submission.student.id, notebook.name, grade.name): (
                grade.auto_score,
                bool(grade.needs_manual_grade),
            )
            for submission in book.assignment_submissions(assignment)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


def one_pair(make: Make, root: Path, count: int, sample: int) -> Pair:
    """One class, graded by both."""
    here, there = root / "ours", root / "stock"
    here.mkdir(parents=True)
    assignment = make(here, count)
    (here / "nbgrader_config.py").write_text("c = get_config()\n")
    shutil.copytree(here, there)
    with (there / "nbgrader_config.py").open("a") as config:
        config.write("c.Execute.timeout = 600\n")  # on a busy machine torch's import outlasts 30 s
    adopt, cost, given = by_ours(here, assignment)
    stock, wanted = by_stock(there, assignment, sample)
    differ = [where for where, mark in wanted.items() if given.get(where) != mark]
    for where in differ[:10]:
        print(f"   {', '.join(where)}: stock {wanted[where]}, ours {given.get(where)}")
    print(f"   {len(wanted) - len(differ)} of {len(wanted)} marks are the same")
    mine = (cost.wall_s, cost.cpu_s)
    return Pair(mine, stock, (adopt.wall_s, adopt.cpu_s), len(differ))


def print_pairs(name: str, pairs: Sequence[Pair], count: int, sample: int) -> None:
    print(f"\n{name}: a class of {count}; stock graded {sample} of it")
    print(f"{'':<10}{'wall s':>26}{'processor s':>26}{'adopt s':>20}")
    print(
        f"{'':<10}" + f"{'stock':>9}{'ours':>8}{'times':>9}" * 2 + f"{'wall':>10}{'processor':>10}"
    )
    for number, pair in enumerate(pairs, 1):
        halves = zip(pair.stock, pair.ours, pair.ratios, strict=True)
        row = "".join(f"{theirs:>9.1f}{mine:>8.1f}{ratio:>9.1f}" for theirs, mine, ratio in halves)
        adopt = "".join(f"{seconds:>10.1f}" for seconds in pair.adopt)
        print(f"{'pair ' + str(number):<10}{row}{adopt}")
    wall, cpu = (statistics.median(pair.ratios[kind] for pair in pairs) for kind in (0, 1))
    print(f"{'median':<10}{wall:>26.1f}{cpu:>26.1f}")


def main() -> int:
    """Parse the options and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--submissions", type=int, default=30)
    parser.add_argument("--stock", type=int, default=6, help="so many of them by stock, 3 at least")
    parser.add_argument("--pairs", type=int, default=1, help="of runs, of each class")
    parser.add_argument("--only", default="torch,plain", help="one of these, or both")
    parser.add_argument("--source", type=Path, metavar="FOLDER", help="this assignment instead")
    options = parser.parse_args()
    if not 3 <= options.stock <= options.submissions:
        parser.error("--stock must be 3 at least, and no more than --submissions")
    classes: dict[str, Make] = {"torch": torch_class, "plain": plain_class}
    wanted = {name: classes[name] for name in options.only.split(",")}
    if options.source is not None:
        wanted = {options.source.resolve().name: class_of(options.source.resolve())}
    differ = 0
    for name, make in wanted.items():
        pairs = []
        for _ in range(options.pairs):
            print(f"{name}: load {os.getloadavg()[0]:.1f}", flush=True)
            with tempfile.TemporaryDirectory(prefix="adopted-") as scratch:
                pairs.append(one_pair(make, Path(scratch), options.submissions, options.stock))
        print_pairs(name, pairs, options.submissions, options.stock)
        differ += sum(pair.differ for pair in pairs)
    print(f"\n{len(os.sched_getaffinity(0))} processors, load now {os.getloadavg()[0]:.1f}")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
