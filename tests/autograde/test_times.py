"""When a submission was handed in: read only where it can mean one moment, the same through every door."""

from __future__ import annotations

import logging
import os
import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory

from autograder.autograde import gradebook
from autograder.autograde.class_run import ClassRun
from autograder.autograde.grade import grade_class
from autograder.autograde.timestamps import SubmittedAt, read_time, submitted_at
from autograder.course import Course, load_course
from autograder.course.converters import run_converter
from autograder.errors import KitError
from tests.tiny_course import TinyCourse

EVENING = datetime(2026, 7, 1, 19, 30)  # half past nine in Berlin

ONE_MOMENT = (
    # nbgrader's exchange, in some zones; `%Z` is an offset where a zone has no letters
    "2026-07-01 19:30:00.000000 UTC",
    "2026-07-01 21:30:00.000000 CEST",
    "2026-07-01 15:30:00.000000 EDT",
    "2026-07-01 12:30:00.000000 PDT",
    "2026-07-01 16:30:00.000000 -03",
    "2026-07-02 01:15:00.000000 +0545",
    # ISO and its relatives
    "2026-07-01 19:30:00",
    "2026-07-01 21:30:00 +0200",
    "2026-07-01 21:30:00 +02:00",
    "2026-07-01 21:30:00 \N{MINUS SIGN}0200".replace("21:30", "17:30"),
    "2026-07-01T21:30:00+02:00",
    "2026-07-01T21:30:00,000+02",
    "2026-07-01T19:30:00Z",
    "2026-07-01t19:30z",
    "20260701T193000Z",
    "2026-07-01-19-30-00",
    "2026-07-01T21:30+02:00[Europe/Berlin]",
    "2026-07-01 21:30 Europe/Berlin",
    "2026-07-01 21:30:00.000000000 +0200 CEST",
    "2026/07/02 04:30:00 JST",
    # seconds, milliseconds and nanoseconds since 1970
    "1782934200",
    "1782934200.0",
    "1782934200000",
    "1782934200000000000",
    # emails, `date`, `git log`, browsers, learning platforms
    "Wed, 01 Jul 2026 21:30:00 +0200",
    "Wed, 01 Jul 2026 12:30:00 -0700 (PDT)",
    "Wed Jul  1 21:30:00 CEST 2026",
    "Wed Jul  1 09:30:00 PM CEST 2026",
    "Wed Jul 1 12:30:00 2026 -0700",
    "Wed Jul 01 2026 21:30:00 GMT+0200 (Central European Summer Time)",
    "Wed Jul 01 2026 12:30:00 GMT-0700 (Pacific Daylight Time)",
    "2026-07-01 12:30 (PDT)",
    "1-Jul-2026 21:30 UTC+2",
    "Wednesday, 1 July 2026, 7:30 PM",
    "Jul 1, 2026 at 7:30pm",
)

UNCERTAIN = {
    "": "it is empty",
    "0": "no time of day",
    "yesterday, 11 pm": "no time of day",
    "2026-07-01": "no time of day",
    "21:30": "no date",
    "Wed 21:30 July 2026": "no date",
    "01/07/26 21:30": "no date",
    "01/07/2026 21:30": "the day could be the month",
    "1.7.2026 21:30": "the day could be the month",
    "1 Jul 21:30": "no year",
    "2026-07-01 21:30 IST": "'IST' is no zone, or the name of several",
    "2026-07-01 21:30 CST": "'CST' is no zone, or the name of several",
    "2026-07-01 21:30 (IST)": "'IST' is no zone, or the name of several",
    "2026-07-01 21:30 UTC (PDT)": "its zones contradict each other",
    "2026-07-01 21:30 +0200 UTC": "its zones contradict each other",
    "2026-07-01 21:30 W. Europe Daylight Time": "'W.' is no zone",
    "2026-07-01 21:30 (late)": "'late' is no zone",
    "2026-07-01 21:30 ../../x": "'../../x' is no time zone",
    "2026-07-01 21:30 +9900": "its offset from UTC is none",
    "2026-07-01 21:30\n2026-07-02 21:30": "several times of day",
    "2026-07-01 25:30": "its time of day is none",
    "2026-07-01 13:30 pm": "a clock of twelve hours",
    "2026-13-01 21:30": "month must be in 1..12",
    "2026-02-30 10:00": "day is out of range for month",
    "1970-01-01 00:00:00": "in the year 1970",
}

# What nobody can know without the course's zone: UTC's hour and minute, or why it is not known.
BY_ZONE = {
    ("Europe/Berlin", "2026-07-01 21:30"): "19:30",
    ("Europe/Berlin", "2026-12-01 21:30"): "20:30",
    ("Europe/Berlin", "2026-10-25 02:30"): "clocks were changed at that time",
    ("Europe/Berlin", "2026-03-29 02:30"): "clocks were changed at that time",
    ("Europe/Berlin", "2026-10-25 02:30 CEST"): "00:30",
    ("Europe/Berlin", "2026-10-25 02:30 CET"): "01:30",
    ("Asia/Kolkata", "2026-07-01 21:30 IST"): "16:00",
    ("Europe/Dublin", "2026-07-01 21:30 IST"): "20:30",
    ("Europe/Dublin", "2026-12-01 21:30 IST"): "'IST' is no zone",
    ("America/Chicago", "2026-12-01 21:30 CST"): "03:30",
    ("America/Chicago", "2026-07-01 12:00 CST"): "'CST' is no zone",
    ("Asia/Shanghai", "2026-07-01 12:00 CST"): "04:00",
}


@pytest.mark.parametrize("text", ONE_MOMENT)
def test_a_text_that_means_one_moment_is_read_as_that(text: str) -> None:
    assert read_time(text, ZoneInfo("UTC")) == EVENING


@pytest.mark.parametrize("text", UNCERTAIN)
def test_a_text_that_could_mean_several_moments_is_not_read_and_says_why(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(UNCERTAIN[text])):
        read_time(text, ZoneInfo("UTC"))


@pytest.mark.parametrize(("zone", "text"), BY_ZONE)
def test_the_courses_zone_decides_what_a_text_leaves_open(zone: str, text: str) -> None:
    try:
        seen = read_time(text, ZoneInfo(zone)).strftime("%H:%M")
    except ValueError as refused:
        seen = str(refused)
    assert seen.startswith(BY_ZONE[zone, text])


def test_parts_of_a_second_are_kept() -> None:
    for text in ("2026-07-01 19:30:00.123456789Z", "1782934200.123456", "1782934200123456789"):
        assert read_time(text, ZoneInfo("UTC")) == EVENING.replace(microsecond=123456)


CLASS = {
    "ada": "2026-07-01 21:30:00.000000 CEST",
    "bob": "2026-07-01 12:30:00.000000 PDT",
    "cem": "2026-07-01 21:30:00 +0200",
    "dan": "2026-07-01 19:30:00",
    "eli": "01/07/2026 21:30",
    "fay": "yesterday, 11 pm",
    "gus": None,
}
UNREAD = {"eli", "fay"}


@pytest.fixture
def tiny(tmp_path: Path, released: Path) -> TinyCourse:
    made = TinyCourse(tmp_path, released=released)
    for student, text in CLASS.items():
        made.submission(student)
        if text is not None:
            made.write(f"submitted/{student}/tiny/timestamp.txt", text)
    return made


def times(course: Course) -> dict[str, datetime | None]:
    with gradebook.open_gradebook(course) as book:
        return {row.student_id: row.timestamp for row in book.assignment_submissions("tiny")}


def test_both_doors_write_the_same_times_and_staff_read_of_the_others(
    tiny: TinyCourse, caplog: pytest.LogCaptureFixture
) -> None:
    course = load_course(tiny.root)
    run = grade_class(course, "tiny")
    expected = {name: None if name in {*UNREAD, "gus"} else EVENING for name in CLASS}
    assert times(course) == expected
    assert_named(run, UNREAD)
    with gradebook.open_gradebook(course) as book:  # of an older submission, which could be read
        for row in book.assignment_submissions("tiny"):
            row.timestamp = datetime(2026, 1, 1)
        book.find_submission("tiny", "gus").timestamp = None
        book.db.commit()
    caplog.clear()
    run_converter(course, "tiny", Autograde)
    assert times(course) == expected
    assert "submitted/eli/tiny/timestamp.txt says '01/07/2026 21:30', which" in caplog.text
    caplog.clear()
    by_nbgrader = Autograde(coursedir=CourseDirectory(config=course.config), config=course.config)
    by_nbgrader.coursedir.assignment_id = "tiny"
    by_nbgrader.log = logging.getLogger("autograder.nbgrader")
    by_nbgrader.start()  # without --force it compares the times of submissions and of their copies
    assert "submitted/eli/tiny/timestamp.txt says" in caplog.text
    assert "autograded/eli/tiny/timestamp.txt" not in caplog.text


def assert_named(run: ClassRun, students: set[str]) -> None:
    notes = [note for note in run.notes if "timestamp.txt" in note]
    assert {note.split("/")[1] for note in notes} == students
    assert all("Nobody can say whether the submission was late" in note for note in notes)


def test_another_zone_of_the_course_writes_the_rows_again_that_depend_on_it(
    tiny: TinyCourse, started: list[str]
) -> None:
    grade_class(load_course(tiny.root), "tiny")
    started.clear()
    tiny.configure('c.CourseSettings.timezone = "Europe/Berlin"')
    course = load_course(tiny.root)
    run = grade_class(course, "tiny")
    assert run.from_ledger == ["dan"]
    assert times(course)["dan"] == datetime(2026, 7, 1, 17, 30)
    assert started == []
    assert_named(run, UNREAD)
    tiny.write("submitted/fay/tiny/timestamp.txt", CLASS["ada"] or "")
    assert_named(grade_class(course, "tiny"), {"eli"})
    assert times(course)["fay"] == EVENING


def test_a_zone_that_is_none_is_named_before_anything_is_graded(tiny: TinyCourse) -> None:
    for setting in ("CourseSettings", "Exchange"):
        tiny.configure(f'c.{setting}.timezone = "Berlin"')
        with pytest.raises(KitError, match=f"c.{setting}.timezone is 'Berlin'"):
            grade_class(load_course(tiny.root), "tiny")
    assert times(load_course(tiny.root)) == {}


def test_without_a_zone_of_the_courses_that_of_the_exchange_counts(tiny: TinyCourse) -> None:
    tiny.configure('c.Exchange.timezone = "Asia/Kolkata"')
    folder = tiny.write("submitted/ada/tiny/timestamp.txt", "2026-07-02 01:00:00 IST").parent
    assert submitted_at(load_course(tiny.root), folder) == SubmittedAt(EVENING)


def test_nothing_in_its_place_can_stop_the_reading(tiny: TinyCourse) -> None:
    course = load_course(tiny.root)
    path = tiny.root / "submitted/ada/tiny/timestamp.txt"
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_bytes(f"{CLASS['ada']}\r\n".encode(encoding))
        assert submitted_at(course, path.parent) == SubmittedAt(EVENING)
    for content, why in (
        (b"\xff\xfe\x00", "is no text"),
        (b"2026-07-01 21:30 " * 100, "is no ordinary file"),
        (b"9999-12-31 23:59 -1400", "cannot be read with certainty"),
        (b"2026-07-01 21:30\x1b[2J", r"'2026-07-01 21:30\x1b[2J'"),
    ):
        path.write_bytes(content)
        when = submitted_at(course, path.parent)
        assert when.utc is None
        assert why in when.note
        assert when.note.startswith("submitted/ada/tiny/timestamp.txt ")
    path.unlink()
    path.symlink_to(tiny.root / "submitted/bob/tiny/timestamp.txt")
    assert "is no ordinary file" in submitted_at(course, path.parent).note
    path.unlink()
    os.mkfifo(path)
    assert "is no ordinary file" in submitted_at(course, path.parent).note
