"""Another program holds the gradebook, or it is damaged: one sentence, and nothing that was judged is lost."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime

import pytest

from autograder.autograde import gradebook
from autograder.autograde.grade import grade_class
from autograder.course import load_course
from autograder.database import place
from tests.doors import autograder
from tests.kept import mark
from tests.tiny_course import TinyCourse

IN_USE = (
    "autograder: records/gradebook.db is in use by another program: close the formgrader, then give the same "
    "command again. What was judged is kept.\n"
)


@pytest.fixture
def tiny(tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch) -> TinyCourse:
    monkeypatch.setattr(place, "WAIT_S", 0.2)
    return tiny


@contextlib.contextmanager
def held(tiny: TinyCourse, how: str) -> Iterator[None]:
    """As by a formgrader in the middle of writing, or by a tool that copies the whole file."""
    other = sqlite3.connect(tiny.root / "records/gradebook.db", isolation_level=None)
    other.execute(f"BEGIN {how}")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_held_gradebook_is_one_sentence_and_marks_come_later(
    how: str, tiny: TinyCourse, started: list[str]
) -> None:
    with held(tiny, how):
        done = autograder(tiny.root, "grade", "tiny", "--quiet", code=2)
    assert done.stderr.startswith(IN_USE)
    assert "Traceback" not in done.output
    assert done.stderr.removeprefix(IN_USE).startswith("Log: ")
    course = load_course(tiny.root)
    assert gradebook.marks(course, "tiny") == {}
    after = grade_class(course, "tiny")
    assert after.from_ledger == (["ada"] if how == "IMMEDIATE" else []), "it can be read until then"
    # The first submissions are begun before the gradebook can be asked; where it cannot, that beginning is lost.
    assert set(started) == {"ada"}
    assert len(started) <= (1 if how == "IMMEDIATE" else 2), "nobody is judged twice"
    assert gradebook.marks(course, "tiny")["ada", "tiny", "double_tests"] == 3.0


@pytest.mark.parametrize("command", ["export", "feedback", "grade"])
def test_the_other_commands_say_it_as_well(command: str, tiny: TinyCourse) -> None:
    tiny.configure('c.LateSubmissionPlugin.penalty_method = "zero"')
    tiny.write("submitted/ada/tiny/timestamp.txt", "2026-07-01 21:30:00 CEST")
    course = load_course(tiny.root)
    with gradebook.open_gradebook(course) as book:
        book.update_or_create_assignment("tiny", duedate=datetime(2026, 7, 1))
    grade_class(course, "tiny")
    mark(course, "ada", why=5)  # so that a penalty is to be written
    with held(tiny, "IMMEDIATE"):
        done = autograder(tiny.root, command, "tiny", code=2)
    assert done.stderr.partition("Log: ")[0].lstrip() == IN_USE  # after the bar's line
    assert "Traceback" not in done.output
    autograder(tiny.root, command, "tiny")


@pytest.mark.parametrize("how", ["a pointer", "zeros", "cut off"])
def test_a_file_that_is_no_gradebook_is_one_sentence(how: str, tiny: TinyCourse) -> None:
    path = tiny.root / "records/gradebook.db"
    whole = path.read_bytes()
    contents = {"a pointer": b"version 1\n" * 99, "zeros": bytes(8192), "cut off": whole[:5000]}
    path.write_bytes(contents[how])
    done = autograder(tiny.root, "grade", "tiny", "--quiet", code=2)
    sentence = done.stderr.partition("Log: ")[0].strip()
    assert sentence.startswith("autograder: records/gradebook.db is damaged, or no gradebook: put")
    assert len(sentence.splitlines()) == 1


@pytest.mark.parametrize("command", [("grade", "tiny", "--quiet"), ("doctor",)])
def test_a_gradebook_that_cannot_be_written_is_one_sentence(
    command: tuple[str, ...], tiny: TinyCourse
) -> None:
    """As in a checkout that a container may only read; a folder in its place closes it to root, too."""
    path = tiny.root / "records/gradebook.db"
    path.unlink()
    path.mkdir()
    code = 1 if command[0] == "doctor" else 2  # it lists all that is lacking
    done = autograder(tiny.root, *command, code=code)
    said = "records/gradebook.db cannot be opened for writing: let who grades write to it"
    assert said in done.output
    assert "Traceback" not in done.output


def test_what_only_looks_like_it_is_not_called_that(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise sqlite3.DatabaseError("file is not a database")

    monkeypatch.setattr(gradebook, "check_released", broken)
    monkeypatch.setattr("autograder.autograde.grade.gradebook.check_released", broken)
    done = autograder(tiny.root, "grade", "tiny", code=2)
    assert "file is not a database" in done.stderr
    assert "in use" not in done.stderr
