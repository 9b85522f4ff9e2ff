"""Trials: what some items cost to ask, that challenges are fresh, the quota, and what a course shows."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from autograder.autograde import score, trials
from autograder.autograde.trials import Ticket, TrialsUsedUp, as_trial
from autograder.cli import main
from autograder.course import Course, load_course
from autograder.course.bonus import Bonus, SubmittedFile
from autograder.judge.keys import judgement_key
from autograder.judge.ledger import Ledger
from autograder.judge.submission import read_submission
from autograder.scorecard import Check, Item, Verdict
from tests.report.samples import item, notebook_card, scorecard
from tests.tiny_course import TinyCourse

# Says by its answer what it was asked, so that its message is another one for other challenges.
TELLS = {"mean": "def mean(numbers):\n    return numbers[0]"}
LIMITED = "\nc.CourseSettings.trial_quota = 2\n"


def run(tiny: TinyCourse, *arguments: str | Path) -> tuple[Result, dict[str, Any]]:
    """`score` for ada's submission: how it ended, and the scorecard that it wrote."""
    file = tiny.root / "card.json"
    asked = ["--course", tiny.root, "score", tiny.root / "submitted/ada/tiny", *arguments]
    done = CliRunner().invoke(main, [str(word) for word in (*asked, "--json", file)])
    return done, json.loads(file.read_text()) if file.exists() else {}


def items(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["grade_id"]: entry for part in card["notebooks"] for entry in part["items"]}


@pytest.fixture
def course(tiny: TinyCourse) -> Course:
    return load_course(tiny.root)


def test_some_items_alone_are_judged_and_get_what_they_get_among_all(tiny: TinyCourse) -> None:
    tiny.submission("ada", {"double": "def double(x):\n    return 2 * abs(x)"})
    done, whole = run(tiny)
    assert done.exit_code == 1
    done, some = run(tiny, "--only", "double_tests")
    assert done.exit_code == 1, done.output
    assert [*items(some)] == ["double_tests"]
    assert items(some)["double_tests"] == items(whole)["double_tests"]
    assert items(some)["double_tests"]["score"] == 1
    assert some["auto_max_score"] == 3
    done, some = run(tiny, "--only", "mean_tests, why")
    assert (done.exit_code, [*items(some)]) == (0, ["mean_tests", "why"])


def test_an_item_that_is_not_there_is_named_before_anything_runs(
    tiny: TinyCourse, started: list[str]
) -> None:
    done, _ = run(tiny, "--only", "double_test")
    assert done.exit_code == 2
    assert "no item double_test. Its items: double_tests, mean_tests, why." in done.stderr
    assert started == []


def test_a_trial_asks_anew_each_time_and_changes_no_mark(tiny: TinyCourse) -> None:
    tiny.submission("ada", TELLS)
    marks = [run(tiny, "--only", "mean_tests")[1] for _ in range(2)]
    tried = [run(tiny, "--only", "mean_tests", "--trial")[1] for _ in range(2)]
    said = [items(card)["mean_tests"]["checks"][0]["message"] for card in (*marks, *tried)]
    assert said[0] == said[1]
    assert len({*said}) == 3, "two trials and the marks have challenges of their own"
    assert [card["trial"] for card in (*marks, *tried)] == [False, False, True, True]
    after = run(tiny, "--only", "mean_tests")[1]
    assert after == marks[0]


def test_a_trial_is_kept_in_no_ledger(tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []
    monkeypatch.setattr(Ledger, "keep", lambda *given: kept.append(given[1]))
    run(tiny, "--trial")
    assert kept == []
    run(tiny)
    assert len(kept) == 1


def test_another_draw_or_other_items_are_another_judgement(
    course: Course, tiny: TinyCourse
) -> None:
    one = tiny.job()
    others = [one, replace(one, draw="1"), replace(one, draw="2"), replace(one, only=("a",))]
    assert len({judgement_key(course, other) for other in others}) == 4
    assert len({other.content for other in others}) == 1, "the same work"
    secrets = [other.secret(course.secret()) for other in others]
    assert secrets[0] == secrets[3] == course.secret()
    assert len({*secrets}) == 3
    assert trials.new_draw() != trials.new_draw()


def ticket(course: Course, tiny: TinyCourse, student: str = "ada") -> Ticket:
    submission = read_submission(course, "tiny", student, tiny.root / "submitted/ada/tiny")
    return Ticket(course, "tiny", student, submission)


def handed_in(tiny: TinyCourse, number: int) -> None:
    tiny.submission("ada", {"double": f"def double(x):\n    return {number}"})


@pytest.fixture
def limited(tiny: TinyCourse) -> Course:
    tiny.configure(LIMITED)
    return load_course(tiny.root)


def test_a_student_has_so_many_trials_in_a_day_and_the_same_work_counts_once(
    limited: Course, tiny: TinyCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 1):
        handed_in(tiny, number)
        ticket(limited, tiny)
    handed_in(tiny, 3)
    with pytest.raises(TrialsUsedUp, match=r"ada has had 2 trials of `tiny` in 24 hours.*gives 2"):
        ticket(limited, tiny)
    handed_in(tiny, 2)
    ticket(limited, tiny)  # as it was
    handed_in(tiny, 3)
    ticket(limited, tiny, "bob")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + trials.WINDOW_S + 1)
    ticket(limited, tiny)


def test_what_is_given_back_was_never_taken(limited: Course, tiny: TinyCourse) -> None:
    handed_in(tiny, 1)
    ticket(limited, tiny)
    for number in range(2, 5):
        handed_in(tiny, number)
        ticket(limited, tiny).give_back()
    handed_in(tiny, 1)
    ticket(limited, tiny).give_back()  # not its own: it was there before
    with sqlite3.connect(limited.records / "trials.db") as database:
        assert database.execute("SELECT count(*) FROM trials").fetchone() == (1,)


def test_without_a_quota_nothing_is_counted(course: Course, tiny: TinyCourse) -> None:
    ticket(course, tiny).give_back()
    assert not (course.records / "trials.db").exists()


def fails(*_: Any) -> Any:
    raise ZeroDivisionError


def ungraded(*_: Any) -> Any:
    return scorecard("ada", notebook_card(item(Verdict.UNGRADED)))


@pytest.mark.parametrize(("judges", "code"), [(fails, 2), (ungraded, 3)])
def test_a_trial_that_we_could_not_judge_does_not_count(
    limited: Course,
    tiny: TinyCourse,
    monkeypatch: pytest.MonkeyPatch,
    judges: Callable[..., Any],
    code: int,
) -> None:
    monkeypatch.setattr(score, "_judge", judges)
    for number in range(3):
        handed_in(tiny, number)
        done, _ = run(tiny, "--trial", "--student", "ada")
        assert done.exit_code == code


def test_who_has_had_all_is_told_and_nothing_is_judged(
    limited: Course, tiny: TinyCourse, started: list[str]
) -> None:
    for number in (1, 2):
        handed_in(tiny, number)
        ticket(limited, tiny)
    handed_in(tiny, 3)
    done, card = run(tiny, "--trial", "--student", "ada")
    assert done.exit_code == 4
    assert "The next one is there from" in done.stdout
    assert (started, card) == ([], {})


def test_where_trials_are_counted_it_must_be_said_whose_it_is(
    limited: Course, tiny: TinyCourse, started: list[str]
) -> None:
    done, _ = run(tiny, "--trial")
    assert done.exit_code == 2
    assert "--student" in done.stderr
    assert started == []


CHECKS = (
    Check("t0", "Passes", Verdict.PASSED, 3.0, note="in the short size"),
    Check("t1", "Fails", Verdict.FAILED, message="Seen: 3.", hint="Which axis?", share=0.25),
)
CARD = scorecard("ada", notebook_card(Item("a", 4.0, checks=CHECKS, message="All in all.")))


def test_a_course_shows_points_or_hints_or_verdicts_alone() -> None:
    shown = as_trial(CARD, "points")
    assert shown == replace(CARD, trial=True)
    hints = as_trial(CARD, "hints")
    assert (hints.score, hints.auto_max_score) == (0, 0)
    text = hints.dumps()
    assert "Which axis?" in text
    assert "All in all." in text
    assert not any(number in text for number in ("4.0", "3.0,", "0.25"))
    bare = as_trial(CARD, "verdicts").dumps()
    assert not any(word in bare for word in ("Which", "Seen", "All in all", "short size"))
    assert '"failed"' in bare
    assert "Fails" in bare
    for shows in ("points", "hints", "verdicts"):
        assert as_trial(CARD, shows).lost_points, "the exit code says that something is left to do"


def test_a_trial_without_points_is_for_no_engine_that_needs_them(
    tiny: TinyCourse, started: list[str]
) -> None:
    tiny.configure('c.CourseSettings.trial_shows = "hints"')
    for option in (["--as", "autolab"], ["--gradescope"]):
        done, _ = run(tiny, "--trial", *option, tiny.root / "out")
        assert done.exit_code == 2
        assert "--as junit needs none" in done.stderr
    assert started == []
    done, card = run(tiny, "--trial", "--as", "junit", tiny.root / "out")
    assert done.exit_code == 0
    assert "a trial, without points" in done.stdout
    assert (tiny.root / "out").read_text().count("<testcase") == 4
    assert card["auto_max_score"] == 0


def test_a_bonus_is_an_item_too(course: Course, tiny: TinyCourse) -> None:
    file = SubmittedFile(Bonus("extra", 2.0, "net.pt", 1), tiny.root / "net.pt", "digest")
    submission = read_submission(course, "tiny", "ada", tiny.root / "submitted/ada/tiny")
    jobs = {"tiny": replace(submission.jobs["tiny"], bonus_files=(file,))}
    given = replace(submission, jobs=jobs)
    for only, left in ((("extra",), (file,)), (("mean_tests",), ())):
        asked = score._asking(given, {"tiny"}, only, "")
        assert asked.jobs["tiny"].bonus_files == left
        assert asked.keys != submission.keys
    assert score._asking(given, {"tiny"}, (), "") is given
