"""A run can be stopped at any moment, and there is one at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from autograder.autograde.grade import Stopped, grade_class
from autograder.autograde.lock import only_run
from autograder.autograde.records import load_card
from autograder.course import load_course
from autograder.errors import KitError
from tests.tiny_course import TinyCourse

STUDENTS = [f"student{number}" for number in range(12)]


@pytest.fixture
def tiny(tmp_path: Path, released: Path) -> TinyCourse:
    made = TinyCourse(tmp_path, released=released)
    for number, student in enumerate(STUDENTS):
        made.submission(student, extra=f"import time; time.sleep({0.3 + number / 1000})")
    return made


def graded(tiny: TinyCourse) -> list[str]:
    course = load_course(tiny.root)
    return [student for student in STUDENTS if load_card(course, "tiny", student) is not None]


def test_a_second_run_at_the_same_time_is_refused_by_name(tiny: TinyCourse) -> None:
    course = load_course(tiny.root)
    with (
        only_run(course, "tiny"),
        pytest.raises(KitError, match=f"graded already: `tiny`, process {os.getpid()} on"),
    ):
        grade_class(course, "tiny")
    assert graded(tiny) == []


def test_a_run_that_is_asked_to_stop_keeps_what_it_has(tiny: TinyCourse) -> None:
    course = load_course(tiny.root)
    seen: list[tuple[int, int]] = []
    with pytest.raises(Stopped) as stopped:
        grade_class(
            course,
            "tiny",
            progress=lambda _what, done, total: seen.append((done, total)),
            stopping=lambda: seen[-1][0] >= 2,
        )
    assert stopped.value.done == len(graded(tiny)) == 2
    assert seen == sorted(seen)
    assert seen[-1] == (2, 12)


def test_ctrl_c_ends_with_a_sentence_and_the_next_run_goes_on(tiny: TinyCourse) -> None:
    command = [sys.executable, "-m", "autograder", "--course", str(tiny.root), "grade", "tiny"]
    run = subprocess.Popen([*command, "--quiet"], stderr=subprocess.PIPE, text=True)
    while not graded(tiny) and run.poll() is None:
        time.sleep(0.05)
    family = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(signal.SIGINT)
    _out, said = run.communicate(timeout=100)
    assert run.returncode == 130, said
    assert "Give the same command again to go on." in said
    assert "Traceback" not in said
    assert psutil.wait_procs(family, timeout=20)[1] == [], "no worker and no box is left"
    before = graded(tiny)
    assert 0 < len(before) < len(STUDENTS)
    course = load_course(tiny.root)
    again = grade_class(course, "tiny")
    assert set(before) <= set(again.kept)
    assert [card.score for card in again.cards] == [7.0] * len(STUDENTS)
