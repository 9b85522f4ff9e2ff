"""Takes over an nbgrader course as it is: its notebooks, its configuration, its gradebook.

Source notebooks of otter-assign become ones of nbgrader's form on the way (`otter.py`).

What is added: `course_config.py`, a few lines at the head of `nbgrader_config.py`, and a contract for each
assignment, by which the tests in its notebooks judge. What is changed in a source notebook is said, and the
notebook as it was is kept in `records/before_adoption`. A second time changes nothing.
"""

from __future__ import annotations

import copy
import json
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from traitlets.config import Config

import autograder
from autograder.course import Course, load_course
from autograder.course.cells import read_file
from autograder.course.contract import CONTRACT
from autograder.course.course import CONFIG, CourseSettings, read_settings
from autograder.course.judged_by import IN_THE_NOTEBOOK, KEY, judged_in_notebook
from autograder.database import database_of, make_ready
from autograder.errors import KitError
from autograder.files import write_whole
from autograder.release.gate.contract import contract_of
from autograder.release.otter import from_otter, is_otter

NBGRADER_CONFIG = "nbgrader_config.py"
_BEFORE = "before_adoption"
_GRADERS = "graders"
_COURSE_CONFIG = f'''\
"""The configuration of this course. What nbgrader reads and what the kit reads are one: {NBGRADER_CONFIG}."""

load_subconfig("{NBGRADER_CONFIG}")
'''
_HEAD = f'''\
# Added by `autograder adopt`: nbgrader's commands and the kit's grade in the box, into one gradebook.
from autograder.nbgrader_plugin import configure

c = get_config()
configure(c, __file__)
c.CourseSettings.graders_directory = "{_GRADERS}"
c.CourseDirectory.solution_directory = "solution"  # nbgrader's own name

# The course's own settings follow.
'''
_OTTER_CONFIG = """\
# Added by `autograder adopt`, as in otter: what a test writes to stderr, a warning too, costs nothing.
c.CourseSettings.stderr_costs_points = False
"""
_KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}


def connect(folder: Path) -> list[str]:
    """Make an nbgrader course one of the kit's, where it is none yet; says what was written.

    `course_config.py` comes last: until it is there the kit does not know the course, so a run that was
    stopped is gone on with by the next one.

    Raises:
        KitError: when there is no such course, or its configuration or gradebook cannot be read; then no
            configuration is changed.
    """
    if (folder / CONFIG).is_file():
        return []
    config = folder / NBGRADER_CONFIG
    own = config.read_text() if config.is_file() else ""
    course = Course(folder, *(read_settings(config) if own else (Config(), CourseSettings())))
    if not course.assignments():
        raise KitError(
            f"{folder} is no nbgrader course: no notebook lies below {course.source('ASSIGNMENT').parent}. "
            "Go into the course's folder, or name it with --course DIR."
        )
    changes = _take_gradebook(course) or _look_at_server(course)
    what = "a head that connects it to the kit" if own else "the configuration, which was not there"
    try:
        if not own.startswith(_HEAD):
            head = _HEAD + "\n" + _OTTER_CONFIG if _any_for_otter(course) else _HEAD
            write_whole(config, f"{head}\n{own}" if own else head)
        write_whole(folder / CONFIG, _COURSE_CONFIG)
        load_course(folder)
    except BaseException:
        (folder / CONFIG).unlink(missing_ok=True)
        write_whole(config, own) if own else config.unlink(missing_ok=True)
        raise
    return [f"{CONFIG}: written", f"{NBGRADER_CONFIG}: {what}", *changes]


def _any_for_otter(course: Course) -> bool:
    for assignment in course.assignments():
        for path in course.source(assignment).glob("*.ipynb"):
            with suppress(KitError):  # it is told when the assignment's turn comes
                if is_otter(read_file(path)):
                    return True
    return False


def adopt(course: Course, assignment: str) -> tuple[list[tuple[str, str, float, str]], list[str]]:
    """Take over an assignment: bring its metadata up to date, and write its contract.

    Returns:
        of each item notebook, grade_id, points and what judges it; and what was changed, a sentence each.

    Raises:
        KitError: when there is no such assignment, or a notebook of it is damaged.
    """
    graders = course.graders(assignment)
    kit = Path(autograder.__file__).parent
    if graders.is_relative_to(kit) and not kit.is_relative_to(course.root):
        raise KitError(
            "The contract would come to lie inside the installed kit. Say where your hidden tests are, or "
            f'will be, in {CONFIG}: c.CourseSettings.graders_directory = "{_GRADERS}".'
        )
    changes: list[str] = []
    contract = graders / CONTRACT
    if not contract.is_file():
        kernel, said, public = _bring_up_to_date(course, assignment)
        changes += said
        text = contract_of(course.notebooks(assignment), kernel).replace(
            "total =", f'{KEY} = "{IN_THE_NOTEBOOK}"\ntotal =', 1
        )
        if public:
            text = f"public = {json.dumps(public, ensure_ascii=False)}\n{text}"
        graders.mkdir(parents=True, exist_ok=True)
        write_whole(contract, text + "\n")
        changes.append(f"{course.shown(contract)}: written")
    items = []
    for source in course.notebooks(assignment).values():
        by_cells = judged_in_notebook(course, assignment, source)
        for cell in source.grade_cells:
            judge = "the tests in its cell" if cell.grade_id in by_cells else "hidden tests"
            judged_by = "a person" if cell.manual else judge
            items.append((source.name, cell.grade_id, cell.max_score, judged_by))
    return items, changes


def _take_gradebook(course: Course) -> list[str]:
    """Copy the gradebook of a course that left it at nbgrader's default place.

    Raises:
        KitError: when it cannot be read.
    """
    old, new = course.root / "gradebook.db", course.records / "gradebook.db"
    url = course.config.CourseDirectory.get("db_url", f"sqlite:///{new}")
    if not old.is_file() or new.exists() or url != f"sqlite:///{new}":
        return []
    fresh = course.make_records() / "gradebook.db.copy"
    fresh.unlink(missing_ok=True)  # of a run that was killed
    try:
        with closing(sqlite3.connect(old)) as source, closing(sqlite3.connect(fresh)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        fresh.unlink(missing_ok=True)
        raise KitError(
            f"{old} cannot be copied: {error}. Close what uses it, or put a copy of it back; if there are no "
            "marks in it, move it away."
        ) from error
    fresh.replace(new)
    return [
        f"{course.shown(new)}: a copy of gradebook.db, which goes on there; the old file is left alone"
    ]


def _look_at_server(course: Course) -> list[str]:
    """Where the gradebook is on a server, see that it can be used; it stays there.

    Raises:
        KitError: when it cannot.
    """
    if course.config.CourseDirectory.get("db_url", "sqlite:").startswith("sqlite:"):
        return []
    make_ready(course)
    return [f"{database_of(course).shown}: goes on there, as it is"]


def _bring_up_to_date(course: Course, assignment: str) -> tuple[str, list[str], list[str]]:
    """Bring nbgrader's metadata to its present form, and give notebooks a kernelspec; says what was done.

    Returns:
        the name of the assignment's kernel, the changes, and texts that students may read.
    """
    paths = sorted(course.source(assignment).glob("*.ipynb"))
    if not paths:
        course.notebooks(assignment)  # says what there is instead
    read = {path: read_file(path) for path in paths}
    names = [notebook.metadata.get("kernelspec", {}).get("name") for notebook in read.values()]
    known = Counter(name for name in names if name)
    kernel = known.most_common(1)[0][0] if known else _KERNEL["name"]
    changes, public = [], []
    for path, before in read.items():
        kept = course.make_records() / _BEFORE / assignment / path.name
        made, translated, prompts = _from_otter(course, path, before, kept)
        public += prompts
        after, said = _renewed(made, kernel)
        said = translated + said
        if not said:
            continue
        if not kept.exists():
            write_whole(kept, path.read_text())
        write_whole(path, nbformat.writes(after) + "\n")
        changes += [f"{course.shown(path)}: {text}" for text in said]
    return kernel, changes, public


def _from_otter(
    course: Course, path: Path, notebook: NotebookNode, kept: Path
) -> tuple[NotebookNode, list[str], list[str]]:
    """The notebook in nbgrader's form where it is otter's, what was done to it, and its prompts.

    Args:
        kept: the notebook as it was, where a run was stopped before it wrote the contract.
    """
    beside = [file.relative_to(path.parent).as_posix() for file in path.parent.rglob("*")]
    try:
        if not is_otter(notebook):
            before = read_file(kept) if kept.is_file() else notebook
            prompts = from_otter(before, course.markers, beside)[2] if is_otter(before) else []
            return notebook, [], prompts
        made, said, prompts = from_otter(notebook, course.markers, beside)
    except KitError as error:
        raise KitError(f"{path}, made for otter, cannot be taken over: {error}") from error
    if course.settings.stderr_costs_points:
        said.append(
            "otter lets warnings cost nothing; so does the kit with "
            f"c.CourseSettings.stderr_costs_points = False in {CONFIG}"
        )
    return made, said, prompts


def _renewed(notebook: NotebookNode, kernel: str) -> tuple[NotebookNode, list[str]]:
    """A notebook with metadata as they are written today, and what was done to it."""
    from nbgrader.nbgraderformat import MetadataValidator

    said = []
    after = MetadataValidator().upgrade_notebook_metadata(copy.deepcopy(notebook))
    if after != notebook:
        said.append("nbgrader's metadata brought up to date")
    spec = after.metadata.get("kernelspec") or {}
    if spec or any(cell.cell_type == "code" for cell in after.cells):
        wanted = {**_KERNEL, **spec, "name": kernel}
        if spec != wanted:
            after.metadata["kernelspec"] = NotebookNode(wanted)
            was = f", and was `{spec['name']}`" if spec.get("name") not in (None, kernel) else ""
            said.append(f"its kernelspec is `{kernel}`{was}")
    return after, said
