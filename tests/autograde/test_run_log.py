"""What a person reads at the end of a run, and in its log."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from click.testing import Result

from autograder.autograde import run_log, writing
from autograder.autograde.grade import grade_class
from autograder.cli import NEEDS_STAFF
from autograder.course import load_course
from tests.doors import autograder
from tests.tiny_course import TinyCourse


@pytest.fixture
def tiny(tiny: TinyCourse) -> TinyCourse:
    tiny.submission("bob")
    tiny.write("submitted/cem/tiny/tiny.ipynb", "this is no notebook")
    return tiny


def graded(tiny: TinyCourse, *options: str) -> tuple[Result, str]:
    """A run of `autograder grade` that ends with somebody for staff, and its log."""
    done = autograder(tiny.root, "grade", "tiny", *options, code=NEEDS_STAFF)
    named = re.findall(r"^Log: (.+)$", done.stderr, re.MULTILINE)
    return done, Path(named[0]).read_text()


def test_a_run_ends_with_counts_and_names_its_log(tiny: TinyCourse) -> None:
    done, log = graded(tiny)
    for row in (
        r"graded now +2 +1 notebook judged, and 1 more that equals one of them",
        r"from the ledger +0",
        r"unchanged +0",
        r"need staff +1 +cem",
        r"all +3",
    ):
        assert re.search(row, done.stdout), row
    assert "cem needs staff: tiny: tiny.ipynb is not JSON" in done.stderr
    for line in (
        r"grading `tiny`: 3 submissions, version ",
        r"ada: 7 of 7 points by the judge; notebooks: 1 judged; \d+\.\d s",
        r"bob: 7 of 7 points by the judge; notebooks: 1 equal to one judged in this run; ",
        r"WARNING cem: needs staff: tiny: tiny.ipynb is not JSON",
        r"done: .*'graded now': 2",
    ):
        assert re.search(line, log), line
    done, log = graded(tiny, "--quiet")
    assert done.stdout == "0 graded now, 0 from the ledger, 2 unchanged, 1 need staff.\n"
    assert "ada: unchanged, left alone" in log


def test_what_is_no_assignment_is_refused_by_name_whatever_it_is_called(tiny: TinyCourse) -> None:
    done = autograder(tiny.root, "grade", "../no/such*", code=2)
    assert "no assignment `../no/such*`" in done.stderr


def test_a_traceback_of_ours_is_in_the_log_and_not_on_the_screen(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("the writing is broken")

    monkeypatch.setattr(writing, "mark_done", broken)
    done, log = graded(tiny, "--quiet", "--student", "ada")
    assert "ada needs staff: tiny: the marks could not be kept: ValueError" in done.stderr
    assert "Traceback" not in done.output
    assert 'raise ValueError("the writing is broken")' in log


def test_a_person_watching_sees_how_many_need_staff(tiny: TinyCourse) -> None:
    seen: list[str] = []
    grade_class(load_course(tiny.root), "tiny", progress=lambda what, *_: seen.append(what))
    assert "need staff" not in seen[0]
    assert seen[-1].endswith("; 1 needs staff")


def test_the_logs_of_runs_are_kept_up_to_a_number(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "_RUNS", 3)
    course = load_course(tiny.root)
    folder = course.make_records() / run_log.FOLDER
    for number in range(5):
        tiny.write(f"records/logs/grade-tiny-20260101-00000{number}.log", "")
    tiny.write("records/logs/grade-other-20260101-000000.log", "")
    run_log.open_log(course, "grade-tiny").close()
    names = sorted(path.name for path in folder.iterdir())
    assert names[:3] == [
        "grade-other-20260101-000000.log",
        "grade-tiny-20260101-000003.log",
        "grade-tiny-20260101-000004.log",
    ]
    assert len(names) == 4


@pytest.mark.parametrize(("run", "other"), [("hw", "hw-2"), ("hw_1", "hw 1"), ("hw 1", "hw/1")])
def test_the_logs_of_a_run_push_out_no_others(
    run: str, other: str, tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "_RUNS", 2)
    course = load_course(tiny.root)
    folder = course.make_records() / run_log.FOLDER
    names = {}
    for name in (other, run):
        handler = run_log.open_log(course, f"grade-{name}")
        handler.close()
        names[name] = Path(handler.baseFilename).name[: -len("-20260101-000000.log")]
        Path(handler.baseFilename).unlink()
    assert names[run] != names[other]
    for name in names.values():
        for number in range(3):
            tiny.write(f"records/logs/{name}-20260101-00000{number}.log", "")
    run_log.open_log(course, f"grade-{run}").close()
    assert len(list(folder.glob(f"{names[other]}-????????-??????.log"))) == 3
    assert len(list(folder.glob(f"{names[run]}-????????-??????.log"))) == 2


def test_a_log_on_a_full_disk_is_silent(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = run_log.open_log(load_course(tiny.root), "grade-tiny")

    def full(_text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(handler.stream, "write", full, raising=False)
    handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "text", None, None))
    assert capsys.readouterr().err == ""
    monkeypatch.undo()
    handler.close()
