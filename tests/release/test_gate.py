"""The release gate names every fault that it is for, and nothing leaves the course before."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.course import load_course
from autograder.course.bonus import ordinary_cells
from autograder.errors import KitError
from autograder.grading import Challenge
from autograder.release import gate
from autograder.release.cases import agrees as is_told
from autograder.release.gate.trials import make_trials, read_cases
from autograder.release.release import build, draft, release, zipped
from autograder.sandbox import check_wall
from tests.course_copy import ROOT
from tests.doors import autograder
from tests.release.gate_plants import (
    CASES,
    CONTRACT,
    RUN,
    SEEN,
    SLOWLY,
    Plant,
    gated_course,
    in_cell,
)
from tests.tiny_course import GRADERS, TinyCourse

# nbformat complains of a cell without id, which is what the gate is asked about.
pytestmark = pytest.mark.filterwarnings("ignore::nbformat.warnings.MissingIDFieldWarning")


@pytest.fixture
def tiny(tmp_path: Path) -> TinyCourse:
    return gated_course(tmp_path)


def seen(tiny: TinyCourse) -> list[gate.Refusal]:
    """What the gate says without running anything."""
    course = load_course(tiny.root)
    refusals = gate.examine_source(course, "tiny")
    scratch = Path(tempfile.mkdtemp(dir=course.make_records()))
    drafts = (scratch / "first", scratch / "second")
    try:
        for folder in drafts:
            draft(course, "tiny", folder)
        refusals += gate.examine_drafts(course, "tiny", drafts)
    except KitError:
        assert refusals, "the gate must say why nbgrader stops"
    return list(dict.fromkeys(refusals))


def run(tiny: TinyCourse) -> list[gate.Refusal]:
    """What the gate says after runs in the box."""
    try:
        check_wall()
    except KitError as error:
        pytest.skip(str(error))
    course = load_course(tiny.root)
    folder = course.make_records() / "draft"
    draft(course, "tiny", folder)
    return gate.examine_runs(course, "tiny", folder)


def assert_named(plant: Plant, refusals: list[gate.Refusal]) -> None:
    found = [refusal for refusal in refusals if plant.said in f"{refusal.what} {refusal.repair}"]
    told = "\n".join(map(str, refusals))
    assert [(refusal.place, refusal.cell) for refusal in found] == [(plant.place, plant.cell)], told
    assert all(refusal.repair.strip().endswith((".", ":", "5")) for refusal in found), told


def test_a_sound_course_passes(tiny: TinyCourse) -> None:
    assert seen(tiny) == []


def test_lines_that_say_little_may_stand_alone(tiny: TinyCourse) -> None:
    in_cell("double", source=SLOWLY)(tiny)
    in_cell("title", source="y = x\n\nIn the end `return y`, not `y += x`.")(tiny)
    assert seen(tiny) == []


@pytest.mark.parametrize("name", SEEN)
def test_a_planted_fault_is_named(name: str, tiny: TinyCourse) -> None:
    SEEN[name].plant(tiny)
    assert_named(SEEN[name], seen(tiny))


@pytest.mark.parametrize("name", RUN)
def test_a_fault_that_shows_in_the_box_is_named(name: str, tiny: TinyCourse) -> None:
    RUN[name].plant(tiny)
    assert_named(RUN[name], run(tiny))


def test_a_reference_that_is_right_by_luck_is_named(tiny: TinyCourse) -> None:
    """It must earn its points on two different challenges."""
    draws = "numbers = challenge.rng.random(7).tolist()"
    lucky = GRADERS.replace(draws, f"{draws}\n    expect_close(challenge.seed % 2, 0)")
    tiny.write("graders/tiny/test_tiny.py", lucky)
    course = load_course(tiny.root)
    released = course.source("tiny")  # of which nothing is judged here
    trials = make_trials(course, "tiny", course.notebooks("tiny"), [], released)[:2]

    def luck(secret: str) -> list[int]:
        challenges = (Challenge(secret.encode(), t.job.content, "test_mean") for t in trials)
        return [challenge.seed % 2 for challenge in challenges]

    secrets = map(str, range(1000))
    tiny.write("records/secret", next(secret for secret in secrets if luck(secret) == [0, 1]))
    said = [refusal.what for refusal in run(tiny) if "the reference" in refusal.what]
    assert len(said) == 1
    assert said[0].startswith("the reference, on a second challenge, gets 0 of 4 points")


def test_every_item_of_vgg16_is_lost_in_few_submissions() -> None:
    course = load_course(ROOT)
    sources = course.notebooks("vgg16")
    cases, refusals = read_cases(course, "vgg16", sources)
    assert refusals == []
    trials = make_trials(course, "vgg16", sources, cases, ROOT / "release/vgg16")
    assert len({trial.job.content for trial in trials}) == len(trials) <= 6 * len(sources)
    for name, source in sources.items():
        mine = [trial for trial in trials if trial.source.name == name]
        lost = {item for trial in mine for item in trial.wanted}
        cells = ordinary_cells(course, "vgg16", source)
        assert lost == {cell.grade_id for cell in cells if not cell.manual}
        assert any(trial.cases and not trial.wanted for trial in mine), "a right case"


@pytest.mark.parametrize("name", ["solution_in_markdown", "expected_value"])
def test_what_the_contract_makes_public_may_be_read(name: str, tiny: TinyCourse) -> None:
    SEEN[name].plant(tiny)
    assert seen(tiny)
    tiny.write(
        "graders/tiny/contract.toml", 'public = ["return x+x", "24,690", "12345"]' + CONTRACT
    )
    assert seen(tiny) == []


def test_a_passage_that_is_allowed_takes_one_entry(tiny: TinyCourse) -> None:
    SEEN["a_passage_of_the_model_answer"].plant(tiny)
    (refusal,) = seen(tiny)
    passage = refusal.what.partition("“")[2].partition("”")[0]
    tiny.write("graders/tiny/contract.toml", f"public = [{json.dumps(passage)}]{CONTRACT}")
    assert seen(tiny) == []


def test_lines_of_code_that_are_allowed_take_one_entry(tiny: TinyCourse) -> None:
    """A cell that the author gives away repeats lines of a solution, and two that say little alone."""
    lines = ("total = sum(x for x in [x, x])", "a = total", "b = a", "print(b, total + a - b)")
    body = "\n    ".join(lines)
    solution = f"def double(x):\n    ### BEGIN SOLUTION\n    {body}\n    return x + x\n    ### END SOLUTION"
    in_cell("double", source=solution)(tiny)
    given = "x = 1\n" + "\n".join(lines)
    in_cell("mean_tests", source=f"{given}\nmean([1, 2])")(tiny)
    (refusal,) = seen(tiny)
    passage = refusal.what.partition("`): `")[2].removesuffix("`.")
    assert passage == " ⏎ ".join(lines)
    tiny.write("graders/tiny/contract.toml", f"public = [{json.dumps(passage)}]{CONTRACT}")
    assert seen(tiny) == []


def test_a_passage_of_two_solutions_is_told_once(tiny: TinyCourse) -> None:
    """And what stands in a longer one is told with it, of code as of prose; one line allows all."""
    once, longer = "rate = sum(x) / len(x) + 1", "step = rate * rate + 2"
    for cell, lines in {"double": [once], "mean": [once, longer]}.items():
        body = "\n    ".join(["### BEGIN SOLUTION", *lines, "### END SOLUTION"])
        in_cell(cell, source=f"def {cell}(x):\n    {body}\n    return x")(tiny)
    ends = "it moves far for one outlier"
    answer = f"Since the mean weighs all alike {ends}. The median counts, so {ends}."
    in_cell("why", source=f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION")(tiny)
    in_cell("mean_tests", source=f"{once}\n{longer}\nmean([1, 2])")(tiny)
    in_cell("title", source=f"Say: since the mean weighs all alike {ends}")(tiny)
    refusals = seen(tiny)
    assert [refusal.cell for refusal in refusals] == ["cell 1 (`id-0`)", "cell `mean_tests`"]
    assert refusals[1].passage == f"{once} ⏎ {longer}"
    line = str(gate.Refused("tiny", refusals)).rpartition("\n")[2]
    tiny.write("graders/tiny/contract.toml", f"{line}\n{CONTRACT}")
    assert seen(tiny) == []


def test_magics_are_python_here(tiny: TinyCourse) -> None:
    magic = "%matplotlib inline\n!true\ndef double(x):\n    ### BEGIN SOLUTION\n    return x + x\n    ### END SOLUTION"
    in_cell("double", source=magic)(tiny)
    assert seen(tiny) == []


HIDDEN = (
    "assert double(1) == 2\n### BEGIN HIDDEN TESTS\nassert double(71) == 142\n### END HIDDEN TESTS"
)


def test_where_tests_in_the_notebook_judge_what_is_missing_is_only_warned_of(
    tiny: TinyCourse,
) -> None:
    """No grader file, no cases: nothing is asked. A hidden test without cases, a line shown twice: warnings."""
    tiny.write("graders/tiny/contract.toml", f'tests = "in the notebook"{CONTRACT}')
    for case in CASES:
        shutil.rmtree(tiny.root / "tests/cases" / case)
    refusals = seen(tiny)
    assert {refusal.warns for refusal in refusals} == {True}
    assert "has no right case" in " ".join(refusal.what for refusal in refusals)
    (tiny.root / "graders/tiny/test_tiny.py").unlink()
    assert seen(tiny) == []
    in_cell("double_tests", source=HIDDEN)(tiny)
    assert seen(tiny) == []
    in_cell("mean_tests", source="assert double(71) == 142")(tiny)
    (warning,) = seen(tiny)
    assert warning.warns
    assert "a line of a hidden test" in warning.what
    in_cell("title", source="Try: `assert double(71) == 142`")(tiny)
    assert [refusal.warns for refusal in seen(tiny)] == [False, True]


def test_a_refused_assignment_leaves_everything_as_it_was(tiny: TinyCourse) -> None:
    """All faults are told at once, with exit code 1, and the older release stays."""
    build(load_course(tiny.root), "tiny")
    before = files(tiny.root / "release"), (tiny.root / "records/gradebook.db").read_bytes()
    for name in (
        "solution_in_notebook_metadata",
        "wrong_points",
        "no_kernelspec",
        "solution_given_away",
    ):
        (SEEN | RUN)[name].plant(tiny)
    answer = autograder(tiny.root, "release", "tiny", code=1)
    assert "`tiny` is not released, for " in answer.stderr
    for said in (
        "tiny, cell `double_tests`: it has 4 points, but contract.toml says 3.",
        "tiny: it has no kernelspec",
        "tiny, cell `double_tests`: the untouched release gets 4 of 4 points",
    ):
        assert answer.stderr.count(said) == 1, answer.stderr
    assert before == (
        files(tiny.root / "release"),
        (tiny.root / "records/gradebook.db").read_bytes(),
    )
    records = sorted(path.name for path in (tiny.root / "records").iterdir())
    assert records == ["autograder.log", "gradebook.db", "ledger.db", "released", "secret"]


def test_what_is_released_is_a_folder_and_the_same_zip_each_time(tiny: TinyCourse) -> None:
    tiny.write("source/tiny/data/numbers.txt", "1 2 3")
    tiny.write("release/tiny/old.txt", "of last year")
    told: list[str] = []
    released = release(load_course(tiny.root), "tiny", lambda what, *_: told.append(what))
    assert "judged the reference, tiny" in told
    assert sorted(files(released.folder)) == ["data/numbers.txt", "tiny.ipynb"]
    content = released.archive.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["tiny/data/numbers.txt", "tiny/tiny.ipynb"]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}
    os.utime(released.folder / "tiny.ipynb", (0, 0))
    assert zipped(released.folder, "tiny") == content

    # What the gate has not seen is not released, even if it comes while it looks.
    def edit(what: str, *_: int) -> None:
        if what.startswith("judged"):
            tiny.write("source/tiny/data/numbers.txt", "4 5 6")

    with pytest.raises(KitError, match="has changed while the gate was looking"):
        release(load_course(tiny.root), "tiny", edit)
    assert released.archive.read_bytes() == content == zipped(released.folder, "tiny")


def test_an_assignment_that_is_not_there_is_named(tiny: TinyCourse) -> None:
    with pytest.raises(KitError, match=r"no assignment `huge`.*there: tiny"):
        release(load_course(tiny.root), "huge")


def files(folder: Path) -> dict[str, bytes]:
    return dict(_files(folder))


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


@pytest.mark.parametrize(
    ("score", "told", "agrees"),
    [
        (2 / 3, 0.67, True),
        (2 / 3, 0.667, True),
        (2 / 3, 0.66, False),
        (2 / 3, 0.7, False),
        (0.125, 0.125, True),
        (0.004, 0, False),
        (3.0, 3, True),
        (None, 0, False),
    ],
)
def test_an_author_may_cut_a_third_and_nothing_else(
    score: float | None, told: float, agrees: bool
) -> None:
    assert is_told(score, told) is agrees
