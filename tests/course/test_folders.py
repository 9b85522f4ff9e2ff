"""Names of folders are nbgrader's settings, wherever a path is made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from traitlets.config import Config

from autograder.course import find_course, load_course
from autograder.course.folders import DEFAULTS, STRUCTURE, Folders
from autograder.errors import KitError
from autograder.release.release import build
from tests.tiny_course import TinyCourse, tiny_source

PLATFORM = (
    'c.CourseDirectory.directory_structure = "{nbgrader_step}/{assignment_id}/{student_id}"\n'
)
SETTINGS = {
    "nbgrader's own": "",
    "one name": 'c.CourseDirectory.submitted_directory = "collected"\n',
    "every name": "".join(
        f'c.CourseDirectory.{step}_directory = "my_{name}"\n' for step, name in DEFAULTS.items()
    ),
    "a folder in a folder": 'c.CourseDirectory.submitted_directory = "lms/handed in"\n',
    "a platform's order": PLATFORM,
    "the assignment first": (
        'c.CourseDirectory.directory_structure = "{assignment_id}/{nbgrader_step}/{student_id}"\n'
    ),
    "one folder for both": (
        'c.CourseDirectory.directory_structure = "{nbgrader_step}/{assignment_id}__{student_id}"\n'
    ),
}


def test_the_defaults_are_nbgraders() -> None:
    from nbgrader.coursedir import CourseDirectory

    directory = CourseDirectory()
    assert {step: getattr(directory, f"{step}_directory") for step in DEFAULTS} == DEFAULTS
    assert directory.directory_structure == STRUCTURE


@pytest.mark.parametrize("name", SETTINGS)
def test_folders_are_where_nbgrader_has_them(name: str, tmp_path: Path) -> None:
    from nbgrader.coursedir import CourseDirectory

    course = load_course(TinyCourse(tmp_path, SETTINGS[name]).root)
    directory = CourseDirectory(config=course.config)
    for step in DEFAULTS:
        wanted = directory.format_path(getattr(directory, f"{step}_directory"), "ana", "hw[1]")
        assert course.folders.path(step, "ana", "hw[1]") == Path(wanted)
    for step in ("source", "release", "solution"):
        wanted = directory.format_path(getattr(directory, f"{step}_directory"), ".", "hw")
        made: Path = getattr(course, step)("hw")
        assert made.resolve() == Path(wanted).resolve()


@pytest.mark.parametrize("name", SETTINGS)
def test_students_and_assignments_are_known_by_their_folders(name: str, tmp_path: Path) -> None:
    tiny = TinyCourse(tmp_path, SETTINGS[name])
    course = load_course(tiny.root)
    if name != "nbgrader's own":
        (tiny.root / "source/tiny/tiny.ipynb").unlink()
    for assignment in ("tiny", "a+b (2)", "draft"):
        course.source(assignment).mkdir(parents=True, exist_ok=True)
        if assignment != "draft":
            text = json.dumps(tiny_source())
            (course.source(assignment) / "tiny.ipynb").write_text(text)
    for student in ("ana", "bo [x]", "cem.y"):
        course.submitted(student, "tiny").mkdir(parents=True)
    course.submitted("dora", "a+b (2)").mkdir(parents=True)
    course.submitted("a file", "tiny").parent.mkdir(parents=True, exist_ok=True)
    course.submitted("a file", "tiny").write_text("")
    assert course.assignments() == ["a+b (2)", "tiny"]
    assert course.students("tiny") == ["ana", "bo [x]", "cem.y"]
    assert course.students("tiny", "*[[]*") == ["bo [x]"]
    assert course.students("a+b (2)") == ["dora"]
    assert course.students("draft") == []
    assert list(course.notebooks("a+b (2)")) == ["tiny"]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_release_is_written_where_nbgrader_has_it_and_nothing_beside_it(
    name: str, tmp_path: Path
) -> None:
    tiny = TinyCourse(tmp_path, SETTINGS[name])
    course = load_course(tiny.root)
    old = tiny.root / "source/tiny"
    if course.source("tiny") != old:
        course.source("tiny").mkdir(parents=True, exist_ok=True)
        (old / "tiny.ipynb").rename(course.source("tiny") / "tiny.ipynb")
    before = {*tiny.root.rglob("*")}
    folder = build(course, "tiny")
    assert folder == course.release("tiny")
    assert [path.name for path in folder.iterdir()] == ["tiny.ipynb"]
    new = {*tiny.root.rglob("*")} - before
    records = {path for path in new if path.is_relative_to(course.records)}
    strangers = [
        path
        for path in new - records
        if not (path.is_relative_to(folder) or folder.is_relative_to(path))
    ]
    assert not strangers
    assert not [path for path in records if path.name.startswith("release-")]


def test_students_that_nbgrader_leaves_out_are_left_out(tmp_path: Path) -> None:
    config = """
    c.CourseDirectory.student_id_exclude = "bo, dora"
    c.CourseDirectory.student_id = "[a-d]*"
    """
    course = load_course(TinyCourse(tmp_path, config).root)
    for student in ("ana", "bo", "cem", "dora", "eve"):
        course.submitted(student, "tiny").mkdir(parents=True)
    assert course.students("tiny") == ["ana", "cem"]
    assert course.students("tiny", "*e*") == ["cem"]


REFUSED = {
    "an unknown part": ({"directory_structure": "{nbgrader_step}/{student}"}, "KeyError"),
    "no step": ({"directory_structure": "{student_id}/{assignment_id}"}, "one folder"),
    "no student": ({"directory_structure": "{nbgrader_step}/{assignment_id}"}, "once each"),
    "no assignment": ({"directory_structure": "{nbgrader_step}/{student_id}"}, "once each"),
    "a student twice": (
        {"directory_structure": "{nbgrader_step}/{student_id}/{assignment_id}/{student_id}"},
        "once each",
    ),
    "a brace too much": ({"directory_structure": "{nbgrader_step}/{"}, "ValueError"),
    "two steps of one name": ({"submitted_directory": "autograded"}, "submitted and autograded"),
}


@pytest.mark.parametrize(("settings", "said"), REFUSED.values(), ids=REFUSED)
def test_folders_that_cannot_be_told_apart_are_refused(
    settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(KitError, match=said):
        Folders.of(tmp_path, Config(CourseDirectory=Config(settings)))


@pytest.mark.parametrize(
    ("config", "folder"),
    [
        ("", "submitted/ana/tiny"),
        ("", "autograded/ana/tiny/inner"),
        ("", "downloaded/tiny"),
        ("", "feedback/ana/tiny"),
        ('c.CourseDirectory.submitted_directory = "collected"\n', "collected/ana/tiny"),
        (
            'name = "lms/handed in"\nc.CourseDirectory.submitted_directory = name\n',
            "lms/handed in/a",
        ),
        (
            'c.CourseDirectory.directory_structure = "all/{nbgrader_step}/{student_id}/{assignment_id}"',
            "all/x",
        ),
        ("c.CourseDirectory.feedback_directory = 'given back'\nsyntax error(", "submitted/ana"),
    ],
)
def test_a_course_among_submissions_is_never_run(config: str, folder: str, tmp_path: Path) -> None:
    tiny = TinyCourse(tmp_path)
    tiny.configure(config)
    tiny.write(f"{folder}/course_config.py", "raise SystemExit('a student ran')")
    assert find_course(tiny.root / folder) == tiny.root


def test_a_course_in_another_folder_of_a_course_is_its_own(tmp_path: Path) -> None:
    tiny = TinyCourse(tmp_path, 'c.CourseDirectory.submitted_directory = "collected"')
    inner = TinyCourse(tmp_path / "playground" / "second")
    assert find_course(inner.root / "source") == inner.root
    assert find_course(tiny.root / "playground") == tiny.root
