"""Submissions in the wrong place are named, with where they belong; what belongs there is not."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Course, load_course
from autograder.course.astray import aside, find_astray
from autograder.course.ids import why_unusable, written_twice
from tests.course.test_finding import work
from tests.damages import other_source
from tests.tiny_course import TinyCourse

TINY = json.dumps(work())


@pytest.fixture
def made(tmp_path: Path) -> TinyCourse:
    made = TinyCourse(tmp_path)
    made.write("source/hw2/other.ipynb", json.dumps(other_source()))
    made.write("submitted/fay/tiny/tiny.ipynb", TINY)
    return made


@pytest.fixture
def course(made: TinyCourse) -> Course:
    return load_course(made.root)


def named(course: Course, pattern: str = "*") -> dict[str, str]:
    students = course.students("tiny", pattern)
    return find_astray(course, "tiny", students, pattern)


ASTRAY = {  # where a submission was put: under which name it is told, and what is said
    "ana/tiny.ipynb": ("ana", "holds tiny.ipynb, but no folder tiny. Put it into"),
    "ana/my work.ipynb": ("ana", "holds my work.ipynb, but no folder tiny"),
    "ana/tiny.zip": ("ana", "holds tiny.zip, but no folder tiny"),
    "ana/homework.html": ("ana", "holds homework.html, but no folder tiny"),
    "bo/Tiny/tiny.ipynb": ("bo", "a folder `Tiny`, but none called tiny"),
    "bo/tiny (1)/tiny.ipynb": ("bo", "rename it to submitted/bo/tiny"),
    "bo/tiny /page.html": ("bo", "a folder `tiny `, but none called tiny"),
    "bo/tinny/x.ipynb": ("bo", "a folder `tinny`, but none called tiny"),
    "bo/homework/page.html": ("bo", "holds the folder homework, but no folder tiny"),
    "section 1/gil/tiny/tiny.ipynb": ("section 1", "gil/tiny/tiny.ipynb, but no folder tiny"),
    "tiny/cy/tiny.ipynb": ("tiny", "Are student and assignment turned round?"),
    "hw2/cy/tiny.ipynb": ("hw2", "Are student and assignment turned round?"),
    "ed_tiny.ipynb": ("ed_tiny.ipynb", "lies in nobody's folder"),
    "ed.ipynb": ("ed.ipynb", "lies in nobody's folder"),
    "ed_tiny.zip": ("ed_tiny.zip", "lies in nobody's folder"),
}


@pytest.mark.parametrize("place", ASTRAY)
def test_a_submission_in_the_wrong_place_is_named_with_where_it_belongs(
    place: str, made: TinyCourse, course: Course
) -> None:
    made.write(f"submitted/{place}", TINY if place.endswith(".ipynb") else "PK")
    who, said = ASTRAY[place]
    assert list(named(course)) == [who]
    assert said in named(course)[who]
    assert named(course, "f*") == {}, "staff asked for others"


BELONGS = [
    "gus/hw2/other.ipynb",
    "gus/hw2/tiny.ipynb",
    "gus/hw2/report.pdf",
    "hw2/gus/other.ipynb",
    "gus/notes.txt",
    "roster.csv",
    "other.ipynb",
    ".git/tiny.ipynb",
]


@pytest.mark.parametrize("place", BELONGS)
def test_what_is_of_another_assignment_is_not_named(
    place: str, made: TinyCourse, course: Course
) -> None:
    made.write(f"submitted/{place}", json.dumps(other_source()))
    assert named(course) == {}


def test_a_folder_of_all_submissions_that_cannot_be_read_is_not_an_empty_one(
    made: TinyCourse, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def closed(path: Any) -> Any:  # by its rights; root may read all
        if Path(path) == made.root / "submitted":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scan(path)

    monkeypatch.setattr("autograder.course.walk.os.scandir", closed)
    with pytest.raises(PermissionError, match="submitted"):
        find_astray(course, "tiny", [])


def test_a_student_whom_the_course_leaves_out_is_not_named(made: TinyCourse) -> None:
    made.configure('c.CourseDirectory.student_id_exclude = "gus"')
    made.write("submitted/gus/tiny/tiny.ipynb", TINY)
    course = load_course(made.root)
    assert course.students("tiny") == ["fay"]
    assert named(course) == {}


def test_a_folder_that_several_have_is_of_an_older_assignment(
    made: TinyCourse, course: Course
) -> None:
    for student in ("a", "b", "c"):
        made.write(f"submitted/{student}/hw0/page.html", "x")
    assert named(course) == {}
    made.write("submitted/d/hw9/page.html", "x")
    assert list(named(course)) == ["d"]


def test_links_are_not_followed(made: TinyCourse, course: Course) -> None:
    (made.root / "submitted" / "ana").mkdir()
    (made.root / "submitted" / "ana" / "Tiny").symlink_to(made.root / "submitted" / "fay" / "tiny")
    (made.root / "submitted" / "x_tiny.ipynb").symlink_to("/nowhere")
    assert named(course) == {}


def test_what_lies_beside_the_right_folder_is_told(made: TinyCourse, course: Course) -> None:
    assert list(aside(course, "tiny", ["fay"])) == []
    made.write("submitted/fay/tiny (1)/tiny.ipynb", TINY)
    made.write("submitted/fay/hw2/other.ipynb", "x")
    assert named(course) == {}
    (text,) = aside(course, "tiny", ["fay"])
    assert "fay: beside `tiny` there is also tiny (1)" in text


NAMES = [
    "ada",
    "Ada Lovelace",
    "ada@uni.example",
    "o'neil",
    "jose\u0301",
    "josé",
    "प्रिया",
    "王小明",
]
SIGNS = ["d’Arc", "Smith, J. (2)", "a.b-c_d", "علی\u200cرضا", "12345"]


@pytest.mark.parametrize("name", [*NAMES, *SIGNS])
def test_names_of_people_are_ids(name: str) -> None:
    assert why_unusable(name) == ""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ('a"b', '`"` (U+0022)'),
        ("a/b", "`/` (U+002F)"),
        ("a#b", "`#` (U+0023)"),
        ("50%", "`%` (U+0025)"),
        ("a?", "`?` (U+003F)"),
        ("a[1]", "`[` (U+005B), `]` (U+005D)"),
        ("<b>", "`<` (U+003C)"),
        ("a\nb", "(U+000A)"),
        ("a\\b", "U+005C"),
        ("a\udcfc", "(U+DCFC)"),
        ("a\u202eb", "(U+202E)"),
        (" ada", "begins or ends with a space"),
        ("ada ", "begins or ends with a space"),
        (".ada", "a dot at its start"),
        ("a" * 121, "over 120 characters"),
    ],
)
def test_an_id_that_no_page_can_show_is_told_with_the_sign(name: str, said: str) -> None:
    assert "rename its folder" in why_unusable(name)
    assert said in why_unusable(name)
    assert why_unusable(name).encode()


def test_two_ids_that_look_the_same_are_told() -> None:
    assert list(written_twice(["josé", "jose", "ana"])) == []
    (text,) = written_twice(["josé", "jose\u0301", "ana"])
    assert "2 students are called josé" in text
    assert "U+0301" in text
    assert "U+00E9" in text
