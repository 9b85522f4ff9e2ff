"""A setting that nothing follows is named, with what to do about it; one that is followed is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course import load_course
from autograder.course.unhonoured import unhonoured
from autograder.sandbox import BoxSettings
from tests.doors import autograder
from tests.tiny_course import TinyCourse


def course_with(root: Path, config: str) -> TinyCourse:
    """A course whose configuration says this, and of the box nothing else."""
    tiny = TinyCourse(root)
    kept = [line for line in tiny.config.splitlines() if "BoxSettings" not in line]
    tiny.write("course_config.py", "\n".join([*kept, config]))
    return tiny


def said_of(root: Path, config: str, of_nbgrader: str = "") -> list[str]:
    tiny = course_with(root, config)
    if of_nbgrader:
        tiny.write("nbgrader_config.py", 'load_subconfig("course_config.py")\n' + of_nbgrader)
    return unhonoured(load_course(tiny.root), BoxSettings)


NAMED = {
    "an old name of ours": (
        'c.CourseSettings.submissions_directory = "x"',
        ("c.CourseSettings.submissions_directory", "cases_directory"),
    ),
    "a slip in a limit": ("c.BoxSettings.cell_wal_s = 5", ("cell_wal_s", "cell_wall_s")),
    "a slip in a section": ("c.BoxSetting.cell_wall_s = 5", ("c.BoxSetting ", "c.BoxSettings")),
    "nbgrader's odd spelling": (
        'c.ClearSolutions.begin_solution_delimiter = "X"',
        ("begin_solution_delimiter", "begin_solution_delimeter"),
    ),
    "a folder that is none": (
        'c.CourseDirectory.submit_directory = "x"',
        ("submit_directory", "submitted_directory"),
    ),
    "a kernel": ('c.ExecutePreprocessor.kernel_name = "ir"', ("kernel_name", "kernelspec")),
    "a kernel's arguments": ('c.Execute.extra_arguments = ["-q"]', ("extra_arguments", "box")),
    "no time-out": ("c.Execute.timeout = None", ("c.Execute.timeout", "cell_wall_s")),
    "a time-out of -1": (
        "c.NotebookClient.timeout = -1",
        ("c.NotebookClient.timeout", "cell_wall_s"),
    ),
    "two time-outs": (
        "c.Execute.timeout = 9\nc.BoxSettings.cell_wall_s = 8.0",
        ("c.Execute.timeout", "decides"),
    ),
    "outputs' lines": ("c.LimitOutput.max_lines = 5", ("c.LimitOutput.max_lines", "output_mib")),
    "missing cells": (
        "c.OverwriteCells.add_missing_cells = True",
        ("add_missing_cells", "puts back"),
    ),
    "some notebooks": ('c.CourseDirectory.notebook_id = "a*"', ("notebook_id", "all notebooks")),
    "another root": (
        'c.CourseDirectory.root = "/tmp"',
        ("c.CourseDirectory.root", "course_config.py lies"),
    ),
    "a step of one's own": (
        "from nbconvert.preprocessors import TagRemovePreprocessor as Own\n"
        "c.GenerateAssignment.preprocessors = [Own]",
        ("TagRemovePreprocessor", "Change the source"),
    ),
    "a step that is not there": (
        'c.GenerateAssignment.preprocessors = ["no.Step"]',
        ("c.GenerateAssignment", "cannot be read"),
    ),
}


@pytest.mark.parametrize(("config", "words"), NAMED.values(), ids=NAMED)
def test_a_setting_without_effect_is_named(
    config: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    (text,) = said_of(tmp_path, config)
    assert all(word in text for word in words), text
    assert text.endswith((".", "?"))


HONOURED = """
c.CourseDirectory.submitted_directory = "collected"
c.CourseDirectory.student_id_exclude = "bo"
c.ClearSolutions.code_stub = {"python": "pass"}
c.ClearHiddenTests.begin_test_delimeter = "<"
c.InstantiateTests.autotest_delimiter = "WRITE"
c.IncludeHeaderFooter.header = ""
c.Execute.timeout = 90
c.LockCells.lock_all_cells = True
c.Exchange.root = "/srv/exchange"
c.AssignLatePenalties.plugin_class = "x.Y"
c.BoxSettings.memory_mib = 5000
c.CourseSettings.gpu_slots = 2
"""


def test_settings_that_are_followed_are_not_named(tmp_path: Path) -> None:
    assert said_of(tmp_path, HONOURED, "# and no more\n") == []


def test_what_only_nbgraders_file_says_is_named(tmp_path: Path) -> None:
    more = 'c.CourseDirectory.submitted_directory = "x"\nc.Exchange.course_id = "y"\n'
    first, second = said_of(tmp_path, "", more)
    assert "c.CourseDirectory.submitted_directory in nbgrader_config.py" in first
    assert "Move it to course_config.py" in second


def test_nbgraders_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (text,) = said_of(tmp_path, "", "1 / 0\n")
    assert "ZeroDivisionError" in text


def test_doctor_names_them(tmp_path: Path) -> None:
    said_of(tmp_path, "c.LimitOutput.max_lines = 5\n")
    result = autograder(tmp_path, "doctor", code=1)
    assert "c.LimitOutput.max_lines in course_config.py has no effect" in result.output


@pytest.mark.parametrize(
    ("config", "limits"),
    [
        ("", (45, 240, 600, 2400)),
        ("c.Execute.timeout = 300", (300, 1600, 4000, 16000)),
        ("c.ExecutePreprocessor.timeout = 90", (90, 480, 1200, 4800)),
        ("c.NotebookClient.timeout = 10", (10, 240, 600, 2400)),
        ("c.Execute.timeout = 10\nc.ExecutePreprocessor.timeout = 300", (10, 240, 600, 2400)),
        ("c.Execute.timeout = 300\nc.BoxSettings.notebook_wall_s = 700.0", (300, 1600, 700, 16000)),
        ("c.Execute.timeout = 300\nc.BoxSettings.cell_wall_s = 7.0", (7, 240, 600, 2400)),
        ("c.Execute.timeout = None", (45, 240, 600, 2400)),
        ("c.Execute.timeout = -1", (45, 240, 600, 2400)),
    ],
)
def test_nbgraders_time_out_of_a_cell_is_the_boxs_where_it_says_nothing(
    config: str, limits: tuple[float, ...], tmp_path: Path
) -> None:
    box = BoxSettings(config=load_course(course_with(tmp_path, config).root).config)
    seen = (box.cell_wall_s, box.cell_cpu_s, box.notebook_wall_s, box.notebook_cpu_s)
    assert seen == limits
