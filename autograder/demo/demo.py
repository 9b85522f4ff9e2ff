"""The demo: a course of its own in a scratch folder, with a class of all kinds of submissions."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autograder.autograde import gradebook
from autograder.autograde.class_run import ClassRun
from autograder.autograde.feedback import write_feedback
from autograder.autograde.grade import grade_class
from autograder.course import Course, SourceNotebook, find_course, load_course
from autograder.demo.demo_class import CLASS
from autograder.demo.people import DUE, PEOPLE
from autograder.demo.plans import expected_items, write_submission
from autograder.errors import KitError
from autograder.progress import Progress
from autograder.release import release as releases
from autograder.release.cases import Case, read_cases

ASSIGNMENT = "vgg16"
_CONFIG = ("course_config.py", "nbgrader_config.py")
_CASES = "tests/cases"
_BY_NAME = {plan.name: plan for plan in CLASS}
_SHORTER = """
# The demo: a cell that never ends should not keep you waiting.
c.BoxSettings.cell_wall_s = 20
"""


@dataclass
class DemoRun:
    """What the demo made and how its class did."""

    run: ClassRun
    marks: dict[tuple[str, str, str], float | None]  # by student, notebook, grade_id
    places: dict[str, Path]  # what there is to look at
    course: Path
    unexpected: dict[str, str]  # by student: how the marks differ from what they should be


def run_demo(into: Path | None = None, progress: Progress = lambda *_: None) -> DemoRun:
    """Make a demo course, grade its class, write feedback and the marks as CSV.

    Args:
        into: an empty or new folder; by default a new scratch folder.

    Raises:
        KitError: when the kit does not run in its clone, or the folder is not empty.
    """
    from autograder.report.table import to_csv

    clone = _clone()
    progress("making a course", 0, 1)
    root = _scratch(into)
    course = _make_course(clone, root)
    with _log_to(course.make_records() / "autograder.log") as log_file:
        release = releases.build(course, ASSIGNMENT)
        sources, cases = course.notebooks(ASSIGNMENT), read_cases(clone / _CASES)
        for plan in CLASS:
            folder = course.submitted(plan.name, ASSIGNMENT)
            write_submission(plan, _BY_NAME, folder, sources, cases, release)
            (folder / "timestamp.txt").write_text(f"{PEOPLE[plan.name].submitted} UTC\n")
        _tell_gradebook(course)
        run = grade_class(course, ASSIGNMENT, progress=progress)
        progress("writing feedback", 0, 1)
        write_feedback(course, ASSIGNMENT, "*")
    marks = gradebook.marks(course, ASSIGNMENT)
    csv = root / f"{ASSIGNMENT}_marks.csv"
    csv.write_text(to_csv(run.cards, marks))
    places = {
        "marks": csv,
        "feedback for students": root / "feedback",
        "gradebook": course.records / "gradebook.db",
        "log": log_file,
    }
    return DemoRun(run, marks, places, root, _unexpected(run, expected_marks(sources, cases)))


def _tell_gradebook(course: Course) -> None:
    """Who the students are, and until when they had time."""
    with gradebook.entry(course) as writing:
        writing.book.update_or_create_assignment(ASSIGNMENT, duedate=DUE)
        for student, person in PEOPLE.items():
            writing.book.update_or_create_student(
                student,
                first_name=person.first,
                last_name=person.last,
                email=f"{student}@uni.example",
            )


def _unexpected(
    run: ClassRun, expected: Mapping[str, Mapping[str, float | None]]
) -> dict[str, str]:
    """Where the class did not get the marks that its cases say."""
    seen = {card.student: {item.grade_id: item.score for item in card.items} for card in run.cards}
    unexpected = {}
    for student, items in expected.items():
        marks = seen.get(student, {})
        wrong = [name for name, score in items.items() if marks.get(name) != score]
        if wrong:
            unexpected[student] = ", ".join(f"{name}: {marks.get(name)}" for name in wrong)
    return unexpected


def expected_marks(
    sources: Mapping[str, SourceNotebook], cases: Mapping[str, Case]
) -> dict[str, dict[str, float | None]]:
    """What each autograded item should get, by student and grade_id; None where staff must act."""
    return {plan.name: expected_items(plan, _BY_NAME, sources, cases) for plan in CLASS}


def _clone() -> Path:
    try:
        root = find_course(Path.cwd())
    except KitError:
        root = Path.cwd()
    if not all((root / name).exists() for name in (*_CONFIG, f"source/{ASSIGNMENT}", _CASES)):
        raise KitError(
            "The demo is made from the kit's own clone (source/vgg16 and tests/cases). Go into "
            "the clone and run it there."
        )
    return root


def _scratch(into: Path | None) -> Path:
    if into is None:
        return Path(tempfile.mkdtemp(prefix="autograder-demo-")).resolve()
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise KitError(f"{into} is not empty. Name a new folder for the demo, or leave --into out.")
    into.mkdir(parents=True, exist_ok=True)
    return into.resolve()


def _make_course(clone: Path, root: Path) -> Course:
    ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    shutil.copytree(clone / "source", root / "source", ignore=ignore)  # follows links
    for name in _CONFIG:
        shutil.copyfile(clone / name, root / name)
    with (root / _CONFIG[0]).open("a") as config:
        config.write(_SHORTER)
    return load_course(root)


@contextmanager
def _log_to(path: Path) -> Iterator[Path]:
    """The kit's log into a file, and nowhere else."""
    logger = logging.getLogger("autograder")
    before = logger.handlers, logger.propagate, logger.level
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    try:
        yield path
    finally:
        handler.close()
        logger.handlers, logger.propagate = before[0], before[1]
        logger.setLevel(before[2])
