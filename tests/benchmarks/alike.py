"""How long `autograder similarity` takes for a class of 300, on vgg16, and how large its page is.

    python -m tests.benchmarks.alike [STUDENTS]

Everybody has some case for each function, with a line of their own here and there; thirty are copies of
others with one line changed.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from autograder.autograde.alike import read_class, write_page
from autograder.course import load_course
from autograder.course.cells import grade_id_of
from autograder.release.cases import read_cases, submission_of

ROOT = Path(__file__).parent.parent.parent


def main(students: int) -> None:
    root = Path(tempfile.mkdtemp(prefix="alike-"))
    try:
        make_class(root, students)
        course = load_course(root)
        began = time.process_time(), time.monotonic()
        code = read_class(course, "vgg16")
        read = time.process_time(), time.monotonic()
        found = code.comparison()
        page = write_page(course, "vgg16", code, found)
        done = time.process_time(), time.monotonic()
        print(
            f"{students} students, {len(code.units)} items, {len(found.pairs)} pairs that share anything"
        )
        print(
            f"reading {read[0] - began[0]:.1f} s, comparing and page {done[0] - read[0]:.1f} s of processor time"
        )
        print(f"{done[1] - began[1]:.1f} s by the clock, page {page.stat().st_size / 1e6:.2f} MB")
        print(f"memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most")
        copies = {frozenset((f"s{n:04}", f"s{n + 1:04}")) for n in range(0, 60, 2)}
        first = [frozenset((pair.one, pair.other)) for pair in found.pairs[:30]]
        print(f"of 30 copies {len(copies & {*first})} are among the first 30 pairs")
    finally:
        shutil.rmtree(root)


def make_class(root: Path, students: int) -> None:
    for name in ("course_config.py", "nbgrader_config.py"):
        shutil.copyfile(ROOT / name, root / name)
    shutil.copytree(ROOT / "source" / "vgg16", root / "source" / "vgg16")
    sources = load_course(root).notebooks("vgg16")
    cases = read_cases(ROOT / "tests" / "cases")
    by_item: dict[str, list[str]] = {}
    for case in cases.values():
        for grade_id, text in case.cells.items():
            by_item.setdefault(grade_id, []).append(text)
    rng = random.Random(1)
    chosen: dict[str, str] = {}
    for number in range(students):
        is_copy = number % 2 == 1 and number < 60
        if not is_copy:
            chosen = {item: own(rng, rng.choice(texts)) for item, texts in by_item.items()}
        folder = root / "submitted" / f"s{number:04}" / "vgg16"
        folder.mkdir(parents=True)
        for name, source in sources.items():
            notebook = submission_of(source)
            for cell in notebook.cells:
                if (item := grade_id_of(cell)) in chosen:
                    cell.source = chosen[item] + ("\nlast = 1 + 2" if is_copy else "")
            (folder / f"{name}.ipynb").write_text(json.dumps(notebook))


def own(rng: random.Random, text: str) -> str:
    """The same with a few lines that nobody else has."""
    lines = text.splitlines()
    for _ in range(3):
        values = ", ".join(f"{rng.randrange(1000)}.{rng.choice('abcdef')}" for _ in range(6))
        lines.insert(rng.randrange(len(lines) + 1), f"kept_{rng.randrange(9)} = [{values}]")
    return "\n".join(lines)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
