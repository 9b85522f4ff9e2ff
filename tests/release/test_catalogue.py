"""`autograder check`: every case in the box, and in figures what became of them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from autograder.course import Course, load_course
from autograder.errors import KitError
from autograder.judge.keys import VALIDITY, judgement_key
from autograder.judge.submission import as_read, make_job
from autograder.release import validity
from autograder.release.cases import Case, Expected, submission_of
from autograder.release.catalogue import Outcome, figures, judge_cases
from autograder.release.new import new_assignment
from autograder.release.release import build
from autograder.scorecard import Check, Item, Verdict
from tests.doors import autograder
from tests.tiny_course import TinyCourse

WRONG = "standardise__one_scale_for_all"
RIGHT = "standardise__channel_by_channel"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiny = TinyCourse(tmp_path_factory.mktemp("check"))
    new_assignment(load_course(tiny.root), "lenses")
    return tiny.root


@pytest.fixture
def course(made: Path) -> Iterator[Course]:
    """A course with a new assignment, put back afterwards; what was judged once is remembered."""
    cases = made / "tests/cases/lenses"
    shutil.copytree(cases, made / "kept")
    yield load_course(made)
    shutil.rmtree(cases)
    (made / "kept").rename(cases)
    (made / "graders/lenses" / VALIDITY).unlink(missing_ok=True)


def check(course: Course, *words: str, code: int = 0) -> Result:
    return autograder(course.root, "check", "lenses", *words, code=code, columns=100)


def change(course: Course, case: str, **items: object) -> None:
    """Other things in the scorecard of a case about `standardise`."""
    path = course.cases("lenses") / case / "scorecard.json"
    data = json.loads(path.read_text())
    for name, value in items.items():
        data["items"]["standardise_tests"][name] = value
    path.write_text(json.dumps(data))


def test_every_case_of_a_new_assignment_ends_as_it_says(course: Course) -> None:
    result = check(course, "--keep")
    assert WRONG in result.output
    kept = json.loads((course.graders("lenses") / VALIDITY).read_text())
    expected = {
        "right": 1, "kept": 1, "wrong": 1, "caught": 1, "named": 1, "misnamed": 0, "as_expected": 2
    }  # fmt: skip
    assert kept["cases"] == {"standardise_tests": expected, "all": expected}
    assert kept["thresholds"] == {}
    assert kept["made_from"] == validity.made_from(course, "lenses")


@pytest.mark.parametrize(
    ("case", "change_of", "says"),
    [
        (WRONG, {"score": 3.0}, "failed, 1.0 of 5.0; its scorecard says failed, 3.0"),
        (WRONG, {"verdict": "raised"}, "its scorecard says raised"),
        (WRONG, {"hint": "Is the sign wrong"}, "other words than its scorecard says"),
        (WRONG, {"also": ["Is the sign wrong"]}, "other words than its scorecard says"),
    ],
)
def test_a_case_that_ends_otherwise_is_told(
    course: Course, case: str, change_of: dict[str, object], says: str
) -> None:
    change(course, case, **change_of)
    result = check(course, code=1)
    assert f"{case}: standardise_tests: " in result.stderr
    assert says in result.stderr
    assert RIGHT not in result.stderr


def test_a_wrong_case_may_leave_its_items_to_be_read(course: Course) -> None:
    """As the pages say: `"items": {}`, then read what its student would read. It is never good so."""
    path = course.cases("lenses") / WRONG / "scorecard.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "items": {}}))
    result = check(course, code=1)
    assert "standardise_tests: failed, 1.0 of 5.0" in result.stderr
    assert "Over which dimensions" in result.stderr
    shutil.copy(course.cases("lenses") / RIGHT / "standardise.py", path.parent / "standardise.py")
    result = check(course, code=1)
    assert f"{WRONG}: it is wrong, but its scorecard names no item" in result.stderr


def test_a_right_solution_that_loses_points_is_told(course: Course) -> None:
    folder, wrong = course.cases("lenses") / RIGHT, course.cases("lenses") / WRONG
    shutil.copy(wrong / "standardise.py", folder / "standardise.py")
    result = check(course, "--case", "*__channel_*", "--brief", code=1)
    assert "its scorecard says passed, 5.0" in result.stderr
    assert WRONG not in result.output


def test_cases_that_are_not_there_or_cannot_be_read_are_named(course: Course) -> None:
    with pytest.raises(KitError, match=r"no case that matches nothing_like_it in .*tests/cases"):
        judge_cases(course, "lenses", ["nothing_like_it"])
    check(course, "--keep", "--case", "*", code=2)
    (course.cases("lenses") / WRONG / "scorecard.json").write_text("{")
    with pytest.raises(KitError, match=rf"{WRONG}/scorecard.json: .*Correct the case"):
        judge_cases(course, "lenses")
    for folder in course.cases("lenses").iterdir():
        shutil.rmtree(folder)
    with pytest.raises(KitError, match="has no cases in"):
        judge_cases(course, "lenses")


@pytest.mark.parametrize(
    ("case", "cell", "text"),
    [
        ("mean__in_one_line", "mean", "def mean(x):\n    return sum(x) / len(x)"),
        ("why__in_short", "why", "It weighs all alike."),  # no case is about the item that fails
    ],
)
def test_cases_that_share_a_submission_and_fail_are_judged_alone(
    tmp_path: Path, case: str, cell: str, text: str
) -> None:
    """Then it is clear which of them is to blame."""
    tiny = TinyCourse(tmp_path)
    cells = {
        "double__takes_a_name": ("double", "def double(x):\n    return 2 * x\n\nsum = max"),
        case: (cell, text),
    }
    for name, (cell_id, source) in cells.items():
        tiny.write(f"tests/cases/tiny/{name}/{cell_id}.py", source)
        card = {"notebook": "tiny", "right": True, "about": "another style"}
        tiny.write(f"tests/cases/tiny/{name}/scorecard.json", json.dumps(card))
    outcomes = judge_cases(load_course(tiny.root), "tiny")
    assert [(outcome.case.name, outcome.good) for outcome in outcomes] == [
        ("double__takes_a_name", False),
        (case, True),
    ]
    (said,) = outcomes[0].differences()
    assert said.startswith("mean_tests: failed, 0.0 of ")


def test_figures_beside_the_tests_change_no_judgement(course: Course) -> None:
    build(course, "lenses")
    (source,) = course.notebooks("lenses").values()
    taken = as_read(submission_of(source), source)
    job = make_job(course, "lenses", "ada", source, taken, course.root / "none")
    before = judgement_key(course, job)
    validity.write(course, "lenses", {})
    assert judgement_key(course, job) == before
    (course.graders("lenses") / "numbers.json").write_text("{}")
    assert judgement_key(course, job) != before
    (course.graders("lenses") / "numbers.json").unlink()


def outcome(said: str, hint: str = "", *, named: bool = True, score: float = 0.0) -> Outcome:
    case = Case("f__x", "n", False, "", {}, {"f_tests": Expected("failed", score, hint)}, named)
    item = Item("f_tests", 2, checks=(Check("t", "T", Verdict.FAILED, message=said),))
    return Outcome(case, {"f_tests": item}, ("f_tests",))


def test_what_is_named_and_what_is_misnamed() -> None:
    right = outcome("It moved as if no step was made. Is it?", "as if no step was made")
    assert right.named
    assert right.good
    other = outcome("It moved as if no step was made. Is it?", "It moved")
    assert other.misnamed == ["no step was made"]
    assert not other.named
    assert not other.good
    assert list(other.differences()) == [
        "a mistake is named that its scorecard does not know: 'no step was made'"
    ]
    seen_only = outcome("The result is not right", "not right", named=False)
    assert not seen_only.named
    assert seen_only.good


def test_an_item_that_waits_for_staff_is_not_caught() -> None:
    case = outcome("", score=0.0).case
    item = Item("f_tests", 2, checks=(Check("t", "T", Verdict.UNGRADED),))
    waiting = Outcome(case, {"f_tests": item}, ("f_tests",), ("n: a package is missing",))
    assert not waiting.caught
    assert not waiting.as_expected
    assert next(waiting.differences()) == "n: a package is missing"
    assert figures([waiting])["all"]["caught"] == 0
    kept = dataclasses.replace(waiting, case=dataclasses.replace(case, right=True, items={}))
    assert figures([kept])["all"]["kept"] == 0


def test_the_power_of_each_threshold_against_the_closest_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    assert validity.power(path) == {}
    mistakes = {
        "no zeroing": {"runs": 100, "loss_ratio": 0.0, "accuracy": 0.3, "all": 0.0},
        "half the rate": {"runs": 10, "loss_ratio": 0.9, "accuracy": 0.2, "all": 0.1},
        "two passes": {"runs": 10, "loss_ratio": 1.0, "accuracy": 1.0, "all": 1.0},
        "not run yet": {"runs": 0},
    }
    found = {
        "right_runs": 3000,
        "criteria": {
            name: {"a_right_run_fails_at_most": 0.001} for name in ("loss_ratio", "accuracy")
        },
        "a_right_run_fails_one_or_more_at_most": {"rate": 0.002},
        "power": mistakes,
    }
    path.write_text(json.dumps({"version": 1, "short_run": {"drawn": {"found": found}}}))
    run = validity.power(path)["short_run, drawn"]
    assert (run["right_runs"], run["mistakes"]) == (3000, 3)
    assert run["loss_ratio"] == {
        "a_right_run_fails_at_most": 0.001,
        "told_apart": 1,
        "closest_told_apart": {"mistake": "no zeroing", "runs": 100, "passes": 0.0},
        "closest": {"mistake": "two passes", "runs": 10, "passes": 1.0},
    }
    assert run["accuracy"]["closest_told_apart"]["mistake"] == "no zeroing"
    assert run["all"]["a_right_run_fails_at_most"] == 0.002
    assert run["all"]["told_apart"] == 2
    path.write_text('{"version": 1, "short_run": []}')
    with pytest.raises(KitError, match="is damaged"):
        validity.power(path)
