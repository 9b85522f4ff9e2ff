"""What counts as graded already: nothing is left alone of which anything has changed, or that is not there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autograder.autograde import gradebook
from autograder.autograde.grade import Stopped, grade_class
from autograder.autograde.records import load_card
from autograder.course import Course, load_course
from autograder.errors import KitError
from autograder.release.release import build
from tests.kept import automatic, grades, mark
from tests.tiny_course import GRADERS, TinyCourse

POLICY = """
from nbgrader.plugins import BasePlugin

class Policy(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return 1
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, released: Path) -> Path:
    """A class of two, to be copied: its ledger has their judgements."""
    made = TinyCourse(tmp_path_factory.mktemp("judged"), released=released)
    made.submission("ada")
    made.submission("bob", {"mean": "mean = sum"})
    assert grade_class(course_of(made), "tiny").kept == []
    assert grade_class(course_of(made), "tiny").kept == ["ada", "bob"]
    return made.root


@pytest.fixture
def tiny(judged: Path, tmp_path: Path) -> TinyCourse:
    """The class, graded at a place of the test's own."""
    made = TinyCourse(tmp_path, released=judged)
    assert grade_class(course_of(made), "tiny").from_ledger == ["ada", "bob"]
    return made


def course_of(tiny: TinyCourse) -> Course:
    return load_course(tiny.root)


def stop_a_regrade(course: Course, after: int) -> None:
    seen: list[int] = []
    with pytest.raises(Stopped):
        grade_class(
            course,
            "tiny",
            regrade=True,
            progress=lambda _what, done, _total: seen.append(done),
            stopping=lambda: seen[-1] >= after,
        )


def test_another_written_answer_is_taken_in(tiny: TinyCourse) -> None:
    course = course_of(tiny)
    mark(course, "ada", why=5)
    tiny.submission("ada", {"why": "I have thought about it once more."})
    assert grade_class(course, "tiny").kept == ["bob"]
    assert grades(course, "ada")["why"][1] is None, "it was for the older answer"
    shown = (tiny.root / "autograded/ada/tiny/tiny.ipynb").read_text()
    assert "I have thought about it once more." in shown


def test_another_time_of_the_submission_is_taken_in(tiny: TinyCourse) -> None:
    course = course_of(tiny)
    tiny.write("submitted/ada/tiny/timestamp.txt", "2026-03-02 12:00:00 UTC")
    assert grade_class(course, "tiny").kept == ["bob"]
    with gradebook.open_gradebook(course) as book:
        assert str(book.find_submission("tiny", "ada").timestamp).startswith("2026-03-02 12:00")


def test_another_due_date_or_policy_is_taken_in(tiny: TinyCourse) -> None:
    with gradebook.open_gradebook(course_of(tiny)) as book:
        book.update_or_create_assignment("tiny", duedate="2026-03-02 11:00:00 UTC")
    assert grade_class(course_of(tiny), "tiny").kept == []
    assert grade_class(course_of(tiny), "tiny").kept == ["ada", "bob"]
    tiny.write("policy.py", POLICY)
    config = ""
    for more in (
        'c.LateSubmissionPlugin.penalty_method = "zero"\n',
        f"import sys; sys.path.append({str(tiny.root)!r})\n"
        'c.AssignLatePenalties.plugin_class = "policy.Policy"\n',
    ):
        config += more
        tiny.configure(config)
        assert grade_class(course_of(tiny), "tiny").kept == [], more
        assert grade_class(course_of(tiny), "tiny").kept == ["ada", "bob"], more
    tiny.write("policy.py", POLICY + "# changed\n")
    assert grade_class(course_of(tiny), "tiny").kept == []
    with gradebook.open_gradebook(course_of(tiny)) as book:
        book.grant_extension("tiny", "ada", hours=2)
    assert grade_class(course_of(tiny), "tiny").kept == ["bob"]


def test_what_is_wrong_with_the_course_takes_nobodys_marks(tiny: TinyCourse) -> None:
    secret = tiny.root / "records/secret"
    text = secret.read_text()
    secret.write_text("")
    with pytest.raises(KitError, match="is empty"):
        grade_class(course_of(tiny), "tiny")
    secret.write_text(text)
    tiny.configure('c.CourseSettings.data_directory = "/not/mounted"')
    with pytest.raises(KitError, match="/not/mounted"):
        grade_class(course_of(tiny), "tiny")
    assert automatic(course_of(tiny), "ada")["double_tests"] == 3.0
    tiny.configure("")
    assert grade_class(course_of(tiny), "tiny").kept == ["ada", "bob"]


def test_a_gradebook_that_was_lost_is_filled_again(tiny: TinyCourse) -> None:
    (tiny.root / "records/gradebook.db").unlink()
    course = course_of(tiny)
    build(course, "tiny")
    run = grade_class(course, "tiny")
    assert run.kept == []
    assert automatic(course, "ada")["double_tests"] == 3.0


def test_a_card_that_was_deleted_comes_back(tiny: TinyCourse) -> None:
    (tiny.root / "records/scorecards/tiny/ada/tiny.json").unlink()
    course = course_of(tiny)
    assert grade_class(course, "tiny").kept == ["bob"]
    assert load_card(course, "tiny", "ada") is not None


def test_what_another_door_has_written_is_looked_at_again(
    tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = course_of(tiny)
    monkeypatch.chdir(tiny.root)
    from autograder.autograde.converter import convert
    from autograder.autograde.judged import JudgedSubmission
    from autograder.judge.submission import read_submission

    submission = read_submission(course, "tiny", "ada", course.submitted("ada", "tiny"))
    convert(JudgedSubmission(submission))  # as nbgrader's own command does
    run = grade_class(course, "tiny")
    assert run.kept == ["bob"]
    assert run.from_ledger == ["ada"]


def test_a_configuration_that_breaks_while_a_class_is_graded_takes_nobodys_marks(
    tiny: TinyCourse,
) -> None:
    def break_it(_what: str, done: int, _total: int) -> None:
        if done == 1:
            tiny.configure("c.CourseSettings.gpus = [")

    with pytest.raises(KitError, match="cannot be read"):
        grade_class(course_of(tiny), "tiny", progress=break_it)
    tiny.configure("")
    for student in ("ada", "bob"):
        assert automatic(course_of(tiny), student)["double_tests"] == 3.0
    assert grade_class(course_of(tiny), "tiny").kept == ["ada", "bob"]


def test_points_that_were_changed_reach_an_empty_submission(tiny: TinyCourse) -> None:
    tiny.write("submitted/cem/tiny/.keep", "")
    course = course_of(tiny)
    grade_class(course, "tiny")
    source = tiny.root / "source/tiny/tiny.ipynb"
    source.write_text(source.read_text().replace('"points": 4', '"points": 6'))
    course = course_of(tiny)
    build(course, "tiny")
    assert grade_class(course, "tiny").kept == []
    card = load_card(course, "tiny", "cem")
    assert card is not None
    assert card.auto_max_score == 14.0, "with the written answer, which is not there either"


def test_a_regrade_that_was_stopped_goes_on(tiny: TinyCourse, started: list[str]) -> None:
    for number in range(4):
        tiny.submission(f"student{number}", extra=f"number = {number}")
    course = course_of(tiny)
    grade_class(course, "tiny")
    started.clear()
    stop_a_regrade(course, after=2)
    assert grade_class(course, "tiny").kept == course.students("tiny"), "without --regrade: as ever"
    run = grade_class(course, "tiny", regrade=True)
    assert len(run.kept) == 2
    assert len(run.graded) == 4
    assert "went on with a regrade" in run.notes[0]
    assert len(grade_class(course, "tiny", regrade=True).graded) == 6, "the next one is a new one"
    assert grade_class(course, "tiny").kept == course.students("tiny")


def test_a_regrade_of_one_is_not_the_one_of_all_that_was_stopped(
    tiny: TinyCourse, started: list[str]
) -> None:
    course = course_of(tiny)
    stop_a_regrade(course, after=1)
    started.clear()
    assert grade_class(course, "tiny", "ada", regrade=True).graded == ["ada"]
    run = grade_class(course, "tiny", regrade=True)
    assert "went on with a regrade" in run.notes[0]
    assert run.graded == ["ada", "bob"] or run.graded == ["bob"]


def test_a_long_look_at_what_is_unchanged_shows_itself_and_can_be_stopped(tiny: TinyCourse) -> None:
    for number in range(6):
        shutil.copytree(tiny.root / "submitted/ada", tiny.root / f"submitted/student{number}")
    course = course_of(tiny)
    grade_class(course, "tiny")
    seen: list[int] = []
    with pytest.raises(Stopped) as stopped:
        grade_class(
            course,
            "tiny",
            progress=lambda _what, done, _total: seen.append(done),
            stopping=lambda: seen[-1] >= 3,
        )
    assert seen == [1, 2, 3]
    assert stopped.value.done == 3


def test_an_editors_files_beside_hidden_tests_change_nothing(
    tiny: TinyCourse, started: list[str]
) -> None:
    started.clear()
    for name in (".test_tiny.py.swp", "test_tiny.py~", ".DS_Store", ".ipynb_checkpoints/a.py"):
        tiny.write(f"graders/tiny/{name}", "anything")
    assert grade_class(course_of(tiny), "tiny").kept == ["ada", "bob"]
    assert started == []
    tiny.write("graders/tiny/test_tiny.py", GRADERS + "\n# changed\n")
    assert grade_class(course_of(tiny), "tiny").kept == []
    assert started == ["ada", "bob"]
