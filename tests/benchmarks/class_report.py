"""How long `autograder report` takes for a class of a thousand, and how large its page is.

    autograder demo --into /tmp/demo
    python -m tests.benchmarks.class_report /tmp/demo [STUDENTS]

Works on a copy of the demo's course, or of another in which vgg16 is graded: each submission's scorecards and
rows are there many times, under other names.
"""

from __future__ import annotations

import itertools
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from autograder.autograde.gradebook import open_gradebook
from autograder.course import Course, load_course

ASSIGNMENT = "vgg16"


def main(graded: Path, students: int) -> None:
    root = Path(tempfile.mkdtemp(prefix="report-"))
    try:
        for name in ("course_config.py", "nbgrader_config.py", "source", "records"):
            part = graded / name
            copy = shutil.copytree if part.is_dir() else shutil.copyfile
            copy(part, root / name)
        course = load_course(root)
        make_class(course, students)
        page, numbers = root / "page.html", root / "numbers.json"
        command = [sys.executable, "-m", "autograder", "--course", str(root), "report", ASSIGNMENT]
        began = time.monotonic()
        subprocess.run([*command, "--output", page, "--json", numbers], check=True, stdout=-1)
        took_s = time.monotonic() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        made = json.loads(numbers.read_text())
        size = page.stat().st_size / 1e6
        print(
            f"{made['submissions']} submissions, {len(made['items'])} items: {took_s:.1f} s by the clock,"
        )
        print(
            f"{used.ru_utime + used.ru_stime:.1f} s of processor time, {used.ru_maxrss / 1024:.0f} MiB at most"
        )
        print(f"page {size:.2f} MB, of all numbers {numbers.stat().st_size / 1e6:.2f} MB")
    finally:
        shutil.rmtree(root)


def make_class(course: Course, students: int) -> None:
    """Give each of so many students what one of the graded ones has."""
    from nbgrader.api import Grade, Student, SubmittedAssignment, SubmittedNotebook

    cards = course.records / "scorecards" / ASSIGNMENT
    with open_gradebook(course) as book, book.db.no_autoflush:
        before = {entry.student.id: entry for entry in book.assignment_submissions(ASSIGNMENT)}
        before = {name: entry for name, entry in before.items() if (cards / name).is_dir()}
        for number, model in zip(range(students), itertools.cycle(before), strict=False):
            name = f"s{number:04}"
            (course.root / "submitted" / name / ASSIGNMENT).mkdir(parents=True)
            (cards / name).mkdir()
            for path in (cards / model).glob("*.json"):
                card = json.loads(path.read_text()) | {"student": name}
                (cards / name / path.name).write_text(json.dumps(card))
            entry = SubmittedAssignment(
                assignment=before[model].assignment, student=Student(id=name)
            )
            for old in before[model].notebooks:
                notebook = SubmittedNotebook(notebook=old.notebook, assignment=entry)
                for grade in old.grades:
                    Grade(
                        cell=grade.cell,
                        notebook=notebook,
                        auto_score=grade.auto_score,
                        manual_score=grade.manual_score,
                        needs_manual_grade=grade.needs_manual_grade,
                    )
            book.db.add(entry)
        book.db.commit()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
