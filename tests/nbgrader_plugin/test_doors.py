"""Every door gives the same marks, and without the kit's configuration no door opens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.autograde import gradebook
from autograder.course import load_course
from tests import kept
from tests.doors import autograder, formgrader, run
from tests.tiny_course import TinyCourse

STUDENTS = ("ada", "bob", "cem", "dan", "eli", "fay")
MARKS = {
    "ada": {"double_tests": 3.0, "mean_tests": 4.0, "why": None},
    "bob": {"double_tests": 1.0, "mean_tests": 4.0, "why": 0.0},
    "cem": {"double_tests": None, "mean_tests": None, "why": None},
    "dan": {"double_tests": 0.0, "mean_tests": 0.0, "why": None},
    "eli": {"double_tests": 3.0, "mean_tests": 4.0, "why": None},
    "fay": {"double_tests": None, "mean_tests": None, "why": None},
}


def class_of(root: Path, released: Path) -> TinyCourse:
    tiny = TinyCourse(root, released=released)
    tiny.write("records/secret", "5" * 64)  # the same challenges in all of them
    tiny.submission("ada")
    tiny.submission(
        "bob", {"double": "def double(x):\n    return 2 * abs(x)", "why": "YOUR ANSWER HERE"}
    )
    tiny.write("submitted/cem/tiny/tiny.ipynb", "[]")
    tiny.submission("dan", {"double": "", "mean": ""}, extra="import os; os._exit(1)")
    renamed = tiny.submission("eli")
    renamed.rename(renamed.with_name("Copy of tiny.ipynb"))
    (renamed.parent / "dangling").symlink_to("/nowhere")
    os.mkfifo(renamed.parent / "pipe")
    one = tiny.submission("fay")
    one.rename(one.with_name("tiny (1).ipynb"))
    two = tiny.submission("fay", {"double": ""})
    two.rename(two.with_name("tiny (2).ipynb"))
    # Late, with files beside the notebook, one of which the course gives along.
    tiny.configure(LATE)
    tiny.write("late.py", LATE_PLUGIN)
    tiny.write("submitted/bob/tiny/timestamp.txt", "2026-03-02 12:00:00 UTC")
    tiny.write("submitted/bob/tiny/notes/more.txt", "his own")
    tiny.write("submitted/bob/tiny/given.py", "is_changed = True")
    tiny.write("source/tiny/given.py", "is_changed = False")
    with gradebook.open_gradebook(load_course(root)) as book:
        book.update_or_create_assignment("tiny", duedate="2026-03-02 11:00:00 UTC")
    return tiny


LATE = """
import sys
sys.path.insert(0, str(__import__("pathlib").Path(__file__).resolve().parent))
c.AssignLatePenalties.plugin_class = "late.ATenthAnHour"
"""
LATE_PLUGIN = """
from nbgrader.plugins import BasePlugin

class ATenthAnHour(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return score * total_seconds_late / 36000
"""


def marks_in(root: Path) -> dict[str, dict[str, float | None]]:
    return {student: kept.automatic(load_course(root), student) for student in STUDENTS}


AUTOGRADE = ["-m", "nbgrader", "autograde", "tiny"]


@pytest.fixture(scope="module")
def by_nbgrader(tmp_path_factory: pytest.TempPathFactory, released: Path) -> tuple[Path, str]:
    """The class, graded by stock `nbgrader autograde` in a process of its own, and what that said."""
    root = tmp_path_factory.mktemp("by-nbgrader")
    class_of(root, released)
    return root, run(AUTOGRADE, root).stderr


def test_nbgrader_autograde_gives_the_same_marks(by_nbgrader: tuple[Path, str]) -> None:
    root, said = by_nbgrader
    assert marks_in(root) == MARKS, said
    assert "cem: not graded" in said


def test_the_formgraders_button_gives_the_same_marks_from_another_folder(
    tmp_path: Path, released: Path
) -> None:
    course, elsewhere = tmp_path / "course", tmp_path / "elsewhere"
    elsewhere.mkdir()
    class_of(course, released)
    said = formgrader(course, "tiny", [*STUDENTS], elsewhere)
    assert [entry["success"] for entry in said] == [True] * len(STUDENTS), said
    assert marks_in(course) == MARKS


def test_autograder_grade_keeps_the_same_and_ends_with_3_where_staff_must_act(
    tmp_path: Path,
    released: Path,
    by_nbgrader: tuple[Path, str],
) -> None:
    """It has a converter of its own; rows, scorecards and autograded files are as stock nbgrader's."""
    class_of(tmp_path, released)
    done = autograder(tmp_path, "grade", "tiny", code=3)
    assert marks_in(tmp_path) == MARKS
    assert "cem needs staff: tiny: tiny.ipynb is JSON, but no notebook" in done.stderr
    ours = kept.everything(tmp_path)
    theirs = kept.everything(by_nbgrader[0])
    assert kept.differences(ours, theirs) == []
    assert ours["bob", "tiny"] == (0.5, False), "bob is late"
    assert ours["autograded/bob/tiny/given.py"][0] == b"is_changed = False"
    assert "autograded/bob/tiny/notes/more.txt" in ours
    (tmp_path / "submitted/cem/tiny/tiny.ipynb").unlink()
    (tmp_path / "submitted/fay/tiny/tiny (2).ipynb").unlink()
    done = autograder(tmp_path, "grade", "tiny")
    assert re.search(r"unchanged +4 ", done.stdout)


def break_syntax(tiny: TinyCourse) -> None:
    tiny.configure("c.BoxSettings.memory_mib = (")


def break_the_name(tiny: TinyCourse) -> None:
    tiny.write("nbgrader_config.py", 'load_subconfig("course_confg.py")\n')


def break_the_import(tiny: TinyCourse) -> None:
    tiny.write("course_config.py", "import no_such_module\n" + tiny.config)


def break_the_file(tiny: TinyCourse) -> None:
    (tiny.root / "nbgrader_config.py").unlink()


BREAKS = (break_syntax, break_the_name, break_the_import, break_the_file)

# Each in a process that has seen no configuration of the kit's, forked from one that has imported nbgrader. The last is
# a notebook server that was started elsewhere, and told only where the course is.
UNCONFIGURED = """
import functools, os, sys, traceback
from nbgrader import api
from nbgrader.apps import NbGraderAPI, NbGraderApp
from traitlets.config import Config

def autograde(course):
    os.chdir(course)
    NbGraderApp.launch_instance(["autograde", "tiny", "--course-dir=" + course])

def press_the_button(course):
    os.chdir(os.path.dirname(course))
    button = NbGraderAPI(config=Config(CourseDirectory={"root": course}))
    sys.exit(not button.autograde("tiny", "eve", force=True, create=True)["success"])

api.get_alembic_version = functools.cache(api.get_alembic_version)  # the same for all, and slow to ask for
api.get_alembic_version()
*broken, unknown = sys.argv[1:]
for course in (*broken, unknown):
    if os.fork() == 0:
        try:
            press_the_button(course) if course == unknown else autograde(course)
        except SystemExit as error:
            os._exit(bool(error.code))
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


def test_without_the_configuration_stock_nbgrader_runs_no_code_of_a_students(
    tmp_path: Path, released: Path
) -> None:
    courses = [tmp_path / name for name in (*(one.__name__ for one in BREAKS), "unknown/course")]
    marker = tmp_path / "the-students-code-ran-here"
    for place, breaks in zip(courses, (*BREAKS, None), strict=True):
        tiny = TinyCourse(place, released=released)
        tiny.submission("eve", extra=f"open({str(marker)!r}, 'a').write({place.name!r})")
        if breaks:
            breaks(tiny)
    done = run(["-c", UNCONFIGURED, *map(str, courses)], tmp_path)
    assert done.stdout.split() == ["1"] * len(courses), done.stderr
    assert not marker.exists(), marker.read_text()
    for place in courses:
        assert not (place / "autograded/eve/tiny/tiny.ipynb").exists(), place.name


WITHOUT_A_WALL = """
import sys
from autograder.errors import BoxUnavailable
from autograder.sandbox import wall

def missing(name):
    raise BoxUnavailable("Install it: sudo apt-get install bubblewrap")

wall._tool = missing
from {module} import {main}
sys.exit({main}())
"""


@pytest.mark.parametrize(
    ("module", "main", "arguments"),
    [
        ("nbgrader.apps.nbgraderapp", "main", ["autograde", "tiny"]),
        ("autograder.cli", "main", ["grade", "tiny"]),
    ],
)
def test_without_bubblewrap_nothing_is_graded_and_the_repair_is_named(
    module: str, main: str, arguments: list[str], tmp_path: Path, released: Path
) -> None:
    tiny = TinyCourse(tmp_path, released=released)
    tiny.submission("ada")
    code = WITHOUT_A_WALL.format(module=module, main=main)
    done = run(["-c", code, *arguments], tmp_path)
    assert done.returncode != 0
    assert "apt-get install bubblewrap" in done.stderr
    with gradebook.open_gradebook(load_course(tmp_path)) as book:
        assert book.students == []
    assert not (tmp_path / "autograded").exists()


def test_the_kit_is_connected_without_heavy_imports() -> None:
    """Every nbgrader command and every notebook server reads the configuration."""
    code = "import sys, autograder.nbgrader_plugin; print('torch' in sys.modules, 'pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
