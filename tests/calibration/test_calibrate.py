"""Calibrating a fake assignment: what is kept, what is never mixed, and what a threshold promises."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.autograde.grade import grade_class
from autograder.calibration import runs as calibrate
from autograder.calibration import thresholds
from autograder.calibration.runs import FIRST_SEED, RIGHT, Results, load_calibration, run_all
from autograder.calibration.tolerance import normal_factor
from autograder.course import Course, load_course
from autograder.doctor import examine
from autograder.errors import KitError
from autograder.grading.calibration import Calibration, Criterion, misfits, source_digest
from tests.doors import autograder
from tests.tiny_course import TinyCourse

# Right runs are normal: the quantiles of an additive recurrence, which fills (0, 1) evenly.
CALIBRATE = """
import os, signal
from pathlib import Path
from statistics import NormalDist
from autograder.grading.calibration import Calibration, Criterion

HERE = Path(__file__).parent

def right(seed):
    with (HERE / "ran").open("a") as file:
        print(seed, file=file)
    if (HERE / "kill").exists() and seed == 1_000_003:
        (HERE / "threads").write_text(os.environ.get("OMP_NUM_THREADS", "one for each core"))
        os.kill(os.getpid(), signal.SIGKILL)
    return {"figure": 1 + 0.1 * NormalDist().inv_cdf((0.5 + seed * 0.6180339887) % 1)}

def calibration(images):
    return Calibration(
        test="tiny_run",
        images="drawn" if images is None else images.name,
        criteria=(Criterion("figure", True, 9.0, "itself", lambda v: v, lambda b: b),),
        made_from={"budget": {"epochs": EPOCHS}, "versions": {"torch": "2.15.0", "numpy": "2.4"}},
        right=right,
        wrong={"it were off": lambda seed: {"figure": 5.0}, "it were broken": lambda seed: None,
               "it were hardly off": right},
        wrong_digest="abc",
    )
"""


@pytest.fixture
def tiny(tmp_path: Path) -> TinyCourse:
    made = TinyCourse(tmp_path)
    set_epochs(made, 5)
    return made


@pytest.fixture
def course(tiny: TinyCourse) -> Course:
    return load_course(tiny.root)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker processes, which take seconds to start."""

    def pool(jobs: int, *_: Any, **__: Any) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(jobs)

    monkeypatch.setattr(calibrate, "ProcessPoolExecutor", pool)
    monkeypatch.setattr(calibrate, "_loaded_once", calibrate._load)


def set_epochs(tiny: TinyCourse, epochs: int) -> None:
    tiny.write("graders/tiny/calibrate.py", CALIBRATE.replace("EPOCHS", str(epochs)))


def ran(course: Course) -> list[int]:
    path = course.graders("tiny") / "ran"
    return [int(line) - FIRST_SEED for line in path.read_text().split()]


def right_results(values: Any) -> Results:
    return {(RIGHT, seed): {"figure": float(value)} for seed, value in enumerate(values)}


# Running


def test_a_run_that_was_killed_goes_on_where_it_stopped(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    kill = course.graders("tiny") / "kill"
    kill.touch()
    with pytest.raises(KitError, match="start again"):
        run_all(course, "tiny", None, runs=8, wrong_runs=0, jobs=1)
    assert (kill.parent / "threads").read_text() == "1"  # of a worker, which takes one core
    kill.unlink()
    shown: list[tuple[int, int]] = []
    results = run_all(
        course, "tiny", None, 8, 0, 1, lambda _what, done, total: shown.append((done, total))
    )
    assert sorted(seed - FIRST_SEED for _, seed in results) == list(range(8))
    assert sorted(ran(course)) == [0, 1, 2, 3, 3, 4, 5, 6, 7]
    assert shown == [(number, 8) for number in range(4, 9)]


@pytest.mark.usefixtures("in_this_process")
def test_a_line_that_was_cut_off_is_made_again(course: Course) -> None:
    run_all(course, "tiny", None, runs=3, wrong_runs=0, jobs=1)
    (path,) = [p for p in course.records.rglob("*.jsonl") if "wrong" not in p.name]
    path.write_text(path.read_text()[:-20])
    assert len(run_all(course, "tiny", None, runs=3, wrong_runs=0, jobs=1)) == 3
    assert ran(course) == [0, 1, 2, 2]
    assert [json.loads(line)["seed"] for line in path.read_text().splitlines()[1:]] == [
        FIRST_SEED + number for number in range(3)
    ]


@pytest.mark.usefixtures("in_this_process")
def test_results_under_other_conditions_are_never_mixed(tiny: TinyCourse, course: Course) -> None:
    run_all(course, "tiny", None, runs=3, wrong_runs=0, jobs=1)
    set_epochs(tiny, 6)
    assert len(run_all(course, "tiny", None, runs=2, wrong_runs=0, jobs=1)) == 2
    set_epochs(tiny, 5)
    assert len(run_all(course, "tiny", None, runs=2, wrong_runs=0, jobs=1)) == 3
    assert ran(course) == [0, 1, 2, 0, 1]
    other = tiny.root / "other"
    other.mkdir()
    assert len(run_all(course, "tiny", other, runs=1, wrong_runs=0, jobs=1)) == 1


@pytest.mark.usefixtures("in_this_process")
def test_two_calibrations_at_a_time_are_refused(course: Course) -> None:
    def again(*_: object) -> None:
        (path,) = [p for p in course.records.rglob("*.jsonl") if "wrong" not in p.name]
        assert len(path.read_text().splitlines()) == 2, "a result is in the file at once"
        with pytest.raises(KitError, match="Another"):
            run_all(course, "tiny", None, runs=2, wrong_runs=0, jobs=1)

    assert len(run_all(course, "tiny", None, 1, 0, 1, again)) == 1


@pytest.mark.usefixtures("in_this_process")
def test_a_reference_that_raises_is_named(tiny: TinyCourse, course: Course) -> None:
    tiny.write(
        "graders/tiny/calibrate.py",
        CALIBRATE.replace("EPOCHS", "5").replace("def right(seed):", "def right(seed):\n    1 / 0"),
    )
    with pytest.raises(KitError, match="The reference raised ZeroDivisionError with seed 1000000"):
        run_all(course, "tiny", None, runs=2, wrong_runs=0, jobs=1)


def test_an_assignment_without_a_calibration_gets_a_clear_word(course: Course) -> None:
    (course.graders("tiny") / "calibrate.py").unlink()
    with pytest.raises(KitError, match="nothing to calibrate"):
        load_calibration(course, "tiny")
    with pytest.raises(KitError, match=r"There is no assignment `huge`: .*tiny"):
        load_calibration(course, "huge")
    assert thresholds.fit(course, "tiny") == []


# Thresholds


def found_for(course: Course, values: Any) -> tuple[float, dict[str, Any]]:
    entry = thresholds.summary(load_calibration(course, "tiny"), right_results(values))
    return entry["figure"], entry["found"]["criteria"]["figure"]


def test_with_2995_runs_the_worst_is_the_bound_whatever_the_distribution(course: Course) -> None:
    values = np.random.default_rng(5).exponential(0.1, size=2995)
    threshold, found = found_for(course, values)
    assert (found["method"], found["k"]) == ("order statistic", 1)
    assert found["bound"] == pytest.approx(values.max(), abs=1e-4)
    assert threshold == pytest.approx(values.max() + 0.5 * values.std(ddof=1), abs=0.011)
    assert found["whatever_the_distribution_at_most"] <= 0.001
    assert found["a_right_run_fails_at_most"] == 0.001
    assert found["p_if_normal"] < 0.001


def test_with_fewer_runs_that_are_not_normal_less_is_promised(course: Course) -> None:
    values = np.random.default_rng(5).exponential(0.1, size=300)
    threshold, found = found_for(course, values)
    assert (found["method"], found["k"]) == ("too few runs, and they are not normal", 0)
    assert threshold > values.max()
    assert found["a_right_run_fails_at_most"] == pytest.approx(1 - 0.05 ** (1 / 300), abs=1e-6)


def test_with_fewer_runs_the_bound_is_that_of_a_normal_distribution(course: Course) -> None:
    values = np.random.default_rng(6).normal(1, 0.1, size=200)
    threshold, found = found_for(course, values)
    bound = values.mean() + normal_factor(200, 0.001, 0.95) * values.std(ddof=1)
    assert (found["method"], found["k"]) == ("normal tolerance bound", 0)
    assert found["bound"] == pytest.approx(bound, abs=1e-4)
    assert bound + 0.04 < threshold < bound + 0.07
    assert found["whatever_the_distribution_at_most"] == pytest.approx(0.01487, abs=1e-4)


def test_a_threshold_never_fails_a_right_run_that_was_seen(course: Course) -> None:
    values = [*np.random.default_rng(6).normal(1, 0.1, size=200), 2.0]
    threshold, found = found_for(course, values)
    assert threshold > 2.0 == found["bound"]


def test_runs_that_are_all_alike_have_a_threshold(course: Course) -> None:
    threshold, found = found_for(course, np.ones(40))
    assert threshold == 1
    assert found["a_right_run_fails_at_most"] > 0.05


def test_a_threshold_that_asks_for_nothing_is_refused(course: Course) -> None:
    with pytest.raises(KitError, match=r"no threshold for figure: .*9 asks for nothing"):
        found_for(course, np.linspace(0, 10, 50))


def test_the_margin_is_left_out_where_it_would_leave_nothing_to_ask_for(course: Course) -> None:
    values = np.random.default_rng(8).uniform(0, 8.9, size=3000)
    threshold, found = found_for(course, values)
    assert found["margin_in_deviations"] == 0
    assert values.max() <= threshold < 9
    assert found["a_right_run_fails_at_most"] == 0.001
    _, usual = found_for(course, values / 2)
    assert usual["margin_in_deviations"] == 0.5


def test_too_few_runs_are_refused(course: Course) -> None:
    with pytest.raises(KitError, match="29 right runs cannot give"):
        found_for(course, np.linspace(0, 1, 29))


def test_a_figure_for_which_more_is_better_is_bounded_from_below() -> None:
    more = Criterion("more", False, 0.1, "itself", lambda v: -v, lambda b: -b)
    calibration = Calibration("t", "drawn", (more,), {}, lambda _: None, {}, "")
    values = np.random.default_rng(7).normal(0.8, 0.05, size=100)
    results: Results = {(RIGHT, n): {"more": float(v)} for n, v in enumerate(values)}
    entry = thresholds.summary(calibration, results)
    assert entry["more"] < values.min()
    assert entry["more"] <= entry["found"]["criteria"]["more"]["bound"] < values.mean()
    assert not more.passes(float("nan"), entry["more"])


# The command, the file, and whether it fits


@pytest.mark.usefixtures("in_this_process")
def test_the_command_writes_thresholds_with_a_row_for_each_mistake(
    tiny: TinyCourse, course: Course
) -> None:
    def call(*more: str) -> Any:
        return autograder(tiny.root, "calibrate", "tiny", "--jobs", "2", *more, columns=200)

    path = tiny.write("graders/tiny/thresholds.json", '{"mine": 1}')
    done = call("--runs", "40", "--wrong-runs", "3", "--dry-run")
    assert "40 right runs and 9 of known mistakes are to be made: about" in done.output
    assert len(ran(course)) == 2, "two are timed, and not kept"
    done = call("--runs", "30", "--wrong-runs", "0", "--no-write")
    assert json.loads(path.read_text()) == {"mine": 1}
    assert (
        "10 right runs and 9 of known"
        in call("--runs", "40", "--wrong-runs", "3", "--dry-run").output
    )
    done = call("--runs", "40", "--wrong-runs", "3")
    data = json.loads(path.read_text())
    assert data["mine"] == 1
    entry = data["tiny_run"]["drawn"]
    assert entry["found"]["power"] == {
        "it were off": {"runs": 3, "figure": 0.0, "all": 0.0},
        "it were broken": {"runs": 3, "figure": 0.0, "all": 0.0},
        "it were hardly off": {"runs": 3, "figure": 1.0, "all": 1.0},
    }
    for text in (*entry["found"]["power"], f"{entry['figure']:g}", "40 right runs"):
        assert text in done.output
    assert entry["found"]["seeds"] == [FIRST_SEED, FIRST_SEED + 39]
    assert len(ran(course)) == 40 + 3 + 2 * 2  # those that were timed
    assert thresholds.fit(course, "tiny") == []


@pytest.mark.usefixtures("in_this_process")
def test_a_new_mistake_is_tried_against_the_thresholds_that_there_are(
    tiny: TinyCourse, course: Course
) -> None:
    def call(*more: str, code: int = 0) -> Any:
        words = ("calibrate", "tiny", "--mistakes-only", *more)
        return autograder(tiny.root, *words, code=code, columns=200)

    none = call(code=2)
    assert "has no thresholds that were made from what is here now" in none.output
    calibration = load_calibration(course, "tiny")
    values = np.random.default_rng(8).normal(1, 0.1, 50)
    before = thresholds.summary(calibration, right_results(values))
    path = thresholds.write(course, "tiny", calibration, before)
    call("--wrong-runs", "2")
    after = json.loads(path.read_text())["tiny_run"]["drawn"]
    power = after["found"].pop("power")
    assert {name: row["all"] for name, row in power.items()} == {
        "it were off": 0.0, "it were broken": 0.0, "it were hardly off": 1.0
    }  # fmt: skip
    del before["found"]["power"]
    assert after == before
    assert len(ran(course)) == 2  # of the mistake that calls the reference
    set_epochs(tiny, 6)
    call("--wrong-runs", "2", code=2)
    assert len(ran(course)) == 2


@pytest.mark.usefixtures("in_this_process")
def test_thresholds_from_more_runs_are_not_replaced(tiny: TinyCourse, course: Course) -> None:
    calibration = load_calibration(course, "tiny")
    rng = np.random.default_rng(8)
    large, small = (
        thresholds.summary(calibration, right_results(rng.normal(1, 0.1, size)))
        for size in (100, 50)
    )
    path = thresholds.write(course, "tiny", calibration, large)
    with pytest.raises(KitError, match="100 right runs"):
        thresholds.write(course, "tiny", calibration, small)
    assert json.loads(path.read_text())["tiny_run"]["drawn"] == large
    set_epochs(tiny, 6)
    other = load_calibration(course, "tiny")
    entry = thresholds.summary(other, right_results(rng.normal(1, 0.1, 50)))
    thresholds.write(course, "tiny", other, entry)
    assert json.loads(path.read_text())["tiny_run"]["drawn"]["found"]["right_runs"] == 50


def test_thresholds_that_do_not_fit_are_told_by_doctor_and_when_grading(
    released: Path, tmp_path: Path
) -> None:
    tiny = TinyCourse(tmp_path, released=released)
    set_epochs(tiny, 5)
    course = load_course(tiny.root)
    calibration = load_calibration(course, "tiny")
    values = np.random.default_rng(9).normal(1, 0.1, 50)
    thresholds.write(
        course, "tiny", calibration, thresholds.summary(calibration, right_results(values))
    )
    assert told(course) == []
    set_epochs(tiny, 7)
    (text,) = told(course)
    assert "the budget is another one: epochs 5, now epochs 7" in text
    assert "autograder calibrate tiny" in text
    tiny.write("submitted/ada/tiny/.keep", "")  # an empty submission needs no box
    assert grade_class(course, "tiny").notes == [text]
    (course.graders("tiny") / "thresholds.json").write_text("{")
    (text,) = told(course)
    assert "damaged" in text


def told(course: Course) -> list[str]:
    return [found.text for found in examine(course.root) if found.what == "tiny's thresholds"]


def test_only_versions_that_move_results_make_thresholds_unfit() -> None:
    def found(torch: str, numpy: str) -> dict[str, Any]:
        return {"network": "a1", "versions": {"torch": torch, "numpy": numpy}}

    assert misfits(found("2.15.0+cu132", "2.4.6"), found("2.15.3", "3.0")) == []
    assert misfits(found("2.15.0", "2.4.6"), found("2.16.0", "2.4.6")) == [
        "torch was 2.15.0, here it is 2.16.0"
    ]
    assert misfits({}, found("2.15.0", "2.4.6")) == [
        "torch was unknown, here it is 2.15.0",
        "the network is another one: None, now a1",
    ]


def test_a_digest_changes_with_code_and_not_with_comments() -> None:
    def first(x: int) -> int:
        """Words."""
        return x + 1  # more words

    one = source_digest(first)

    def first(x: int) -> int:  # type: ignore[no-redef]
        return x + 1

    two = source_digest(first)

    def first(x: int) -> int:  # type: ignore[no-redef]
        return x + 2

    assert one == two != source_digest(first)


def test_a_gpu_on_which_right_submissions_would_run_out_of_time_gets_no_thresholds(
    tiny: TinyCourse,
) -> None:
    grader = tiny.root / "graders/tiny/calibrate.py"
    slow = grader.read_text().replace(
        "def calibration(images)", "def calibration(images, device='')"
    )
    grader.write_text(slow.replace("def right(seed):", "def right(seed):\n    time.sleep(0.5)"))
    grader.write_text(grader.read_text().replace("import os, signal", "import os, signal, time"))
    course = load_course(tiny.root)
    course.config.BoxSettings.probe_wall_s = 1.2
    with pytest.raises(KitError, match="probe_wall_s"):
        run_all(course, "tiny", None, 2, 0, 1, device="cuda")
    course.config.BoxSettings.probe_wall_s = 60.0
    assert len(run_all(course, "tiny", None, 2, 0, 1, device="cuda")) == 2
