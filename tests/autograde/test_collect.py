"""Submissions from platforms' archives: who is who, what stays, and what staff must know."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autograder.autograde import collect as collecting
from autograder.autograde.collect import Collected, collect
from autograder.course import Course, load_course
from autograder.errors import KitError
from autograder.lms.marksheets import Mark, fill
from autograder.lms.sheets import Sheet
from tests.lms import exports
from tests.lms.exports import ARCHIVES, NOTEBOOK, zipped
from tests.tiny_course import TinyCourse


@pytest.fixture
def course(tmp_path: Path, released: Path) -> Course:
    return load_course(TinyCourse(tmp_path / "course", released=released).root)


def from_platform(
    course: Course,
    platform: str,
    *rosters: bytes,
    files: dict[str, bytes] | None = None,
    key: str = "",
    update: bool = False,
) -> Collected:
    archive = zipped(course.root.parent / "archive.zip", files or ARCHIVES[platform])
    paths = []
    for number, content in enumerate(rosters):
        paths.append(course.root.parent / f"roster{number}.csv")
        paths[-1].write_bytes(content)
    return collect(course, "tiny", platform, archive, paths, key, update)


def there(course: Course) -> dict[str, list[str]]:
    """Whose submissions lie in the course, and their files."""
    return {
        name: sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        for name in course.students("tiny")
        for folder in [course.submitted(name, "tiny")]
    }


def time_of(course: Course, student: str) -> str:
    return (course.submitted(student, "tiny") / "timestamp.txt").read_text().strip()


def test_canvas_by_its_gradebook(course: Course) -> None:
    made = from_platform(course, "canvas", exports.CANVAS)
    assert there(course) == {
        "ada": ["notes.txt", "tiny.ipynb"],  # the `-1` of the second time is gone
        "anon_x7Yz2": ["tiny.ipynb"],
        "joerg": ["tiny.ipynb"],
        "li": ["tiny.ipynb"],
    }
    said = "\n".join(made.notes)
    assert "anon_x7Yz2: in no table of the class" in said
    assert "joerg: late, says the platform, but the archive has no time" in said
    assert "li2: wrote a text on the platform, which is not collected" in said
    assert "li2: handed in no file" in said
    assert made.absent == ["Student, Test"]
    assert collecting.known(course, "tiny")["ada"]["id"] == "4711"


def test_canvas_alone_goes_by_its_numbers(course: Course) -> None:
    from_platform(course, "canvas")
    assert [*there(course)] == ["4711", "4712", "4713", "anon_x7Yz2"]


def test_a_group_of_canvas_is_handed_in_by_each_of_its_members(course: Course) -> None:
    groups = (
        b"name,canvas_user_id,user_id,login_id,sections,group_name,canvas_group_id,group_id\n"
        b"Ada Lovelace,4711,1001,ada,A,Team Blue,7,\nLi Wang,4713,1003,li,B,Team Blue,7,\n"
    )
    files = {"teamblue_4711_9001_tiny.ipynb": NOTEBOOK}
    from_platform(course, "canvas", exports.CANVAS, groups, files=files)
    assert [*there(course)] == ["ada", "li"]
    known = collecting.load(course, "tiny")
    assert [known[name]["fields"]["id"] for name in known] == ["4711", "4713"]
    assert [about["group"] for about in known.values()] == ["4711", "4711"]


def test_moodle_by_its_worksheet(course: Course) -> None:
    made = from_platform(course, "moodle", exports.MOODLE)
    assert there(course) == {
        "ada@uni.example": ["timestamp.txt", "tiny.ipynb"],
        "joerg@uni.example": ["timestamp.txt", "work/tiny.ipynb"],
        "li2@uni.example": ["tiny.ipynb"],
        "li@uni.example": ["tiny.ipynb"],
    }
    assert time_of(course, "ada@uni.example") == "2026-07-01 21:30:00 UTC"
    assert made.notes == ["ada@uni.example: wrote a text on the platform, which is not collected"]


def test_moodles_other_ways_to_call_students(course: Course) -> None:
    from_platform(course, "moodle", exports.MOODLE, key="number")
    assert [*there(course)] == ["1001", "1002", "1003", "1004"]


def test_moodle_in_german_has_times_that_are_named(course: Course) -> None:
    made = from_platform(course, "moodle", exports.MOODLE_GERMAN)
    known = collecting.known(course, "tiny")
    assert [known[f"{name}@uni.example"]["id"] for name in ("ada", "joerg")] == ["71", "72"]
    assert [note for note in made.notes if "time cannot be read" in note] == [
        "ada@uni.example, joerg@uni.example: the platform's time cannot be read for sure, so there is none here"
    ]
    assert "Li Wang (73), Li Wang (74): in no table of the class" in made.notes


def test_blind_marking_of_moodle_goes_by_numbers(course: Course) -> None:
    files = {"Participant_71_assignsubmission_file/tiny.ipynb": NOTEBOOK}
    made = from_platform(course, "moodle", exports.MOODLE_BLIND, files=files)
    assert [*there(course)] == ["71"]
    assert made.absent == ["72"]


def test_a_team_of_moodle_is_never_taken_for_a_participant(course: Course) -> None:
    """The number in its folder is the group's, which may be a student's as well."""
    files = {"Red_71_assignsubmission_file/tiny.ipynb": NOTEBOOK}
    from_platform(course, "moodle", exports.MOODLE, files=files)
    assert [*there(course)] == ["joerg@uni.example", "li@uni.example"]
    known = collecting.load(course, "tiny")
    assert [about["fields"]["id"] for about in known.values()] == ["72", "73"]


def test_a_teams_number_is_kept_for_nobody_where_no_table_has_its_members(course: Course) -> None:
    files = {"Red_71_assignsubmission_file/tiny.ipynb": NOTEBOOK}
    groups = b"Email,Group\njoerg@uni.example,Red\nli@uni.example,Red\n"
    from_platform(course, "moodle", groups, files=files)
    known = collecting.load(course, "tiny")
    assert [*known] == ["joerg@uni.example", "li@uni.example"]
    assert not any("id" in about["fields"] for about in known.values())


def test_a_team_that_is_in_no_table_is_nobodys(course: Course) -> None:
    """Neither when it is collected nor when marks go back, whoever has its number."""
    files = {"Purple_72_assignsubmission_file/tiny.ipynb": NOTEBOOK}
    made = from_platform(course, "moodle", exports.MOODLE, files=files)
    assert [*there(course)] == ["Purple-72"]
    assert "Purple (Purple-72): in no table of the class" in made.notes
    shutil.rmtree(course.submitted("Purple-72", "tiny"))
    from_platform(course, "moodle", files=files)
    assert [*there(course)] == ["72"]
    mark = Mark("72", 5.0, known=collecting.known(course, "tiny")["72"])
    assert fill("moodle", Sheet(exports.MOODLE), "tiny", [mark]).not_there == ["72"]


def test_brightspace_by_names_and_the_last_attempt(course: Course) -> None:
    made = from_platform(course, "brightspace", exports.BRIGHTSPACE)
    assert [*there(course)] == ["39788-6403", "ada", "joerg"]  # two students are called Li Wang
    assert (course.submitted("ada", "tiny") / "tiny.ipynb").read_bytes() == NOTEBOOK + b" second"
    assert time_of(course, "ada") == "2026-07-01 22:30:00 UTC"
    assert "ada: handed in more than once; the last one counts" in made.notes
    assert "Li Wang (39788-6403): in no table of the class" in made.notes
    assert made.absent == ["Wang, Li", "Wang, Li"]


def test_blackboard(course: Course) -> None:
    from_platform(course, "blackboard")
    assert there(course) == {name: ["timestamp.txt", "tiny.ipynb"] for name in ("ada", "joerg")}
    assert (course.submitted("ada", "tiny") / "tiny.ipynb").read_bytes() == NOTEBOOK + b" second"
    assert time_of(course, "joerg") == "2026-07-02 00:05:00 UTC"


def test_sakai(course: Course) -> None:
    made = from_platform(course, "sakai")
    assert there(course) == {name: ["timestamp.txt", "tiny.ipynb"] for name in ("ada", "joerg")}
    assert time_of(course, "ada") == "2026-07-01 19:30:00 UTC"
    assert time_of(course, "joerg") == "2026-07-02 00:05:00 UTC"
    assert "li: handed in no file" in made.notes


def test_gradescopes_groups_and_times(course: Course) -> None:
    from_platform(course, "gradescope")
    assert [*there(course)] == ["ada@uni.example", "joerg@uni.example", "li@uni.example"]
    assert time_of(course, "joerg@uni.example") == "2026-07-01 19:30:00 UTC"


def test_folders_are_called_as_they_are(course: Course) -> None:
    from_platform(course, "folders")
    assert there(course) == {"ada": ["tiny.ipynb"], "joerg": ["work/tiny.ipynb"]}


def test_names_go_into_the_gradebook(course: Course) -> None:
    from autograder.autograde.gradebook import open_gradebook

    from_platform(course, "canvas", exports.CANVAS)
    with open_gradebook(course) as book:
        assert (book.find_student("joerg").first_name, book.find_student("joerg").last_name) == (
            "Jörg",
            "Müller",
        )


def test_what_is_there_stays_until_it_is_told_to_be_renewed(course: Course) -> None:
    from_platform(course, "folders")
    mended = course.submitted("ada", "tiny") / "tiny.ipynb"
    mended.write_bytes(b"mended by staff")
    (course.submitted("ada", "tiny") / "timestamp.txt").write_text("2026-07-01 21:30:00 +0200")
    again = from_platform(course, "folders")
    assert (again.kept, again.unchanged) == (["ada"], ["joerg"])
    assert mended.read_bytes() == b"mended by staff"
    assert from_platform(course, "folders", update=True).renewed == ["ada"]
    assert mended.read_bytes() == NOTEBOOK
    assert time_of(course, "ada") == "2026-07-01 21:30:00 +0200"
    assert not [*course.records.glob("collect-*")]


def test_a_submission_that_cannot_be_put_comes_back(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_platform(course, "folders")
    mended = course.submitted("ada", "tiny") / "tiny.ipynb"
    mended.write_bytes(b"mended by staff")
    move = shutil.move

    def no_room(source: Path, target: Path) -> None:
        if Path(source).name == "submission":
            raise OSError(28, "No space left on device")
        move(source, target)

    monkeypatch.setattr(shutil, "move", no_room)
    with pytest.raises(OSError, match="No space"):
        from_platform(course, "folders", update=True)
    assert mended.read_bytes() == b"mended by staff"


def test_one_bad_submission_costs_nobody_else_anything(course: Course) -> None:
    files = {
        "ada/tiny.ipynb": NOTEBOOK,
        "ada/timestamp.txt": b"2020-01-01 00:00:00 UTC",
        "bao/x": b"a file",
        "bao/x/y.ipynb": b"in a folder of the same name",
        "b;o/tiny.ipynb": NOTEBOOK,
    }
    made = from_platform(course, "folders", files=files)
    assert there(course) == {"ada": ["tiny.ipynb"]}
    said = "\n".join(made.notes)
    assert "ada: their own timestamp.txt is left out" in said
    assert "bao: not collected" in said
    assert "b;o: not collected, rename its folder" in said


def test_a_table_without_the_wanted_column_is_refused(course: Course) -> None:
    with pytest.raises(KitError, match="No table of the class has a column"):
        from_platform(course, "canvas", exports.CANVAS, key="email")
    with pytest.raises(KitError, match="no column that says who"):
        from_platform(course, "canvas", b"colour,shape\nred,round\n")
