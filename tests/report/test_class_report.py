"""The report of a class: numbers that were computed by hand, and what the page says of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.autograde.grade import grade_class
from autograder.course import load_course
from autograder.report.class_page import class_page
from autograder.report.class_report import class_report, to_json
from autograder.report.class_text import nearness, slowest, top_mistakes
from autograder.report.mistakes import mistakes
from autograder.report.statistics import (
    ClassFigures,
    ItemOf,
    correlation,
    distribution,
    fisher_interval,
    wilson_interval,
)
from autograder.report.table import item_rows
from autograder.scorecard import (
    NOT_HANDED_IN,
    Check,
    Figure,
    Item,
    NotebookCard,
    Scorecard,
    Verdict,
)
from tests.doors import autograder
from tests.tiny_course import TinyCourse

ITEMS = (ItemOf("n", "a", 4), ItemOf("n", "b", 2), ItemOf("n", "c", 3, manual=True))
PASSED, FAILED = Verdict.PASSED, Verdict.FAILED


def item(grade_id: str, points: float, of: float, *checks: Check) -> Item:
    """An item with this score, by one check of as many points, or by these checks."""
    verdict = PASSED if points == of else FAILED
    return Item(grade_id, of, checks=checks or (Check("test", "T", verdict, share=points / of),))


def card(student: str, a: float, b: float, *, extra: tuple[Item, ...] = ()) -> Scorecard:
    items = (item("a", a, 4), item("b", b, 2), Item("c", 3, manual=True), *extra)
    return Scorecard("lenses", student, (NotebookCard("n", items),))


CARDS = [card("ada", 4, 2), card("bob", 2, 2), card("cyd", 0, 0), card("dan", 3, 1)]
MARKS = {(name, "n", "c"): mark for name, mark in zip(("ada", "bob", "cyd", "dan"), (3.0, 1.0, 0.0, 2.0), strict=True)}  # fmt: skip


def report(cards: list[Scorecard] | None = None, **more: Any) -> dict[str, Any]:
    return class_report("lenses", ITEMS, cards or CARDS, more.pop("marks", MARKS), **more)


def test_numbers_are_those_of_a_calculation_by_hand() -> None:
    """Totals 9, 5, 0, 6; a: 4 2 0 3; b: 2 2 0 1; c: 3 1 0 2, given by a person."""
    data = report()
    assert data["totals"] == {"mean": 5, "median": 5.5, "deviation": 3.7417, "least": 0, "most": 9}
    assert data["max_score"] == 9
    assert data["complete"] == 4
    assert data["alpha"] == pytest.approx(1.5 * (1 - (35 / 12 + 11 / 12 + 5 / 3) / 14), abs=1e-4)
    a = data["items"][0]
    assert (a["difficulty"], a["full"], a["none"]) == (0.5625, 0.25, 0.25)
    assert a["deviation"] == pytest.approx((8.75 / 3) ** 0.5, abs=1e-4)
    # with the rest 5, 3, 0, 3: 10.25 / sqrt(8.75 · 12.75); atanh of it 2.1, half an interval 1.96
    assert a["discrimination"] == pytest.approx(0.9704, abs=1e-4)
    assert a["interval"] == pytest.approx([0.1387, 0.9994], abs=2e-3)
    assert a["groups"] == []  # of four students there are no fifths
    assert data["distribution"] == [1, 0, 0, 0, 0, 1, 1, 0, 0, 1]
    assert [one["student"] for one in data["students"]] == ["1", "2", "3", "4"]
    assert [one["total"] for one in data["students"]] == [9, 6, 5, 0]
    assert [one["student"] for one in report(names=True)["students"]] == [
        "ada",
        "dan",
        "bob",
        "cyd",
    ]


def test_correlation_and_alpha_are_numpys() -> None:
    rng = np.random.default_rng(8)
    skill = rng.normal(size=60)
    scores = np.clip(np.round(2 + skill[:, None] + rng.normal(size=(60, 3))), 0, 4)
    items = [ItemOf("n", name, 4) for name in "abc"]
    cards = [
        Scorecard("x", f"s{n:02}", (NotebookCard("n", tuple(item(name, float(p), 4) for name, p in zip("abc", row, strict=True))),))
        for n, row in enumerate(scores)
    ]  # fmt: skip
    figures = ClassFigures(items, item_rows(cards))
    for number, found in enumerate(figures.figures()):
        rest = scores.sum(axis=1) - scores[:, number]
        r = np.corrcoef(scores[:, number], rest)[0, 1]
        assert found.discrimination == pytest.approx(r)
        order = np.argsort(scores.sum(axis=1), kind="stable")
        fifths = [scores[part, number].mean() / 4 for part in np.array_split(order, 5)]
        assert found.groups == pytest.approx(tuple(fifths))
    covariance = np.cov(scores.T)
    assert figures.alpha == pytest.approx(1.5 * (1 - np.trace(covariance) / covariance.sum()))


@pytest.mark.parametrize(
    ("seen", "count", "low", "high"),
    [(0, 10, 0.0, 0.2775), (2, 4, 0.15, 0.85), (10, 10, 0.7225, 1.0)],  # Wilson's tables
)
def test_an_interval_of_a_share(seen: int, count: int, low: float, high: float) -> None:
    assert wilson_interval(seen, count) == pytest.approx((low, high), abs=1e-4)


def test_what_does_not_vary_or_is_too_few_has_no_correlation() -> None:
    same = np.ones(5)
    assert correlation(same, np.arange(5.0)) is None
    assert correlation(np.arange(2.0), np.arange(2.0)) is None
    assert correlation(np.arange(5.0), -np.arange(5.0)) == -1
    assert fisher_interval(0.5, 3) is None
    assert fisher_interval(1.0, 9) == (1.0, 1.0)
    assert distribution(np.array([0.0, 0.0]), 0.0) == [2, *[0] * 9]


def test_what_is_not_judged_is_in_no_denominator() -> None:
    ungraded = Item("a", 4, checks=(Check("test", "T", Verdict.UNGRADED),))
    waits = Scorecard("lenses", "eve", (NotebookCard("n", (ungraded, item("b", 2, 2), Item("c", 3, manual=True)), "a package is missing"),))  # fmt: skip
    other = Scorecard("lenses", "fay", (NotebookCard("m", (item("z", 0, 1),)),))  # forgot `n`
    data = class_report(
        "lenses", (*ITEMS, ItemOf("m", "z", 1)), [*CARDS, waits, other], MARKS | {("eve", "n", "c"): 3.0}
    )  # fmt: skip
    a, b, _, z = data["items"]
    assert (a["judged"], a["ungraded"], a["absent"], a["difficulty"]) == (4, 1, 1, 0.5625)
    assert (b["judged"], b["difficulty"]) == (5, 0.7)
    assert (z["judged"], z["absent"], z["difficulty"]) == (1, 5, 0.0)
    assert data["complete"] == 0  # nobody handed both notebooks in
    assert a["discrimination"] is None
    assert {one["student"] for one in data["staff"]} == {"4"}  # eve's 5 points, after bob's
    assert data["advice"][0].startswith("1 submission is not graded in part")


def test_answers_that_wait_for_a_person_are_left_out_until_they_are_marked() -> None:
    data = report(marks={**MARKS, ("bob", "n", "c"): None})
    a, _, c = data["items"]
    assert (c["judged"], c["waiting"], c["discrimination"]) == (3, 1, None)
    assert data["complete"] == 4  # by the two other items
    assert a["discrimination"] == pytest.approx(
        np.corrcoef([4, 2, 0, 3], [2, 2, 0, 1])[0, 1], abs=1e-4
    )
    assert data["advice"] == ["1 answer still waits for a person: c."]


def failing(name: str, message: str, title: str = "T") -> Check:
    return Check(name, title, FAILED, message=message)


NEVER = "Your parameters moved exactly as if the gradients were never set to zero. Is it so?"


def test_mistakes_are_counted_once_a_student_and_called_the_same_everywhere() -> None:
    twice = item("a", 0, 4, failing("t1", NEVER), failing("t1", NEVER))
    other = item("a", 0, 4, failing("t2", "The result is not right.", "The mean is per image"))
    passed = item("a", 4, 4)
    cards = [
        Scorecard("lenses", who, (NotebookCard("n", (one,)),))
        for who, one in {"ada": twice, "bob": twice, "cyd": other, "dan": passed}.items()
    ]
    first, second = mistakes(item_rows(cards))
    assert first.words == "the gradients were never set to zero"
    assert first.key == "the-gradients-were-never-set-to-zero"
    assert (first.students, first.judged, first.share) == (("ada", "bob"), 4, 0.5)
    assert (second.named, second.words, second.key) == (False, "The mean is per image", "n/a/t2")


def class_of(count: int, *checks: Check, wrong: int) -> list[Scorecard]:
    """So many submissions, of which the first ones are wrong in this way."""
    return [
        card(f"s{n:02}", 4, 2, extra=(item("d", 0, 1, *checks) if n < wrong else item("d", 1, 1),))
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("cards", "says"),
    [
        (class_of(20, failing("t", NEVER), wrong=6), r"^d: in 30% of the submissions it is as if the grad"),
        (class_of(20, Check("t", "T", Verdict.RAISED), wrong=5), r"^d: 25% of the code raised an error"),
        (class_of(20, Check("t", "T", Verdict.LIMIT), wrong=3), r"^d: 15% came to a limit"),
        (class_of(20, failing("t", "No."), wrong=14), r"^d: 70% got no point"),
    ],
)  # fmt: skip
def test_what_to_do_follows_from_fixed_rules(cards: list[Scorecard], says: str) -> None:
    items = (*ITEMS[:2], ItemOf("n", "d", 1))
    assert any(re.match(says, said) for said in class_report("lenses", items, cards)["advice"])
    fewer = class_of(20, *cards[0].items[-1].checks, wrong=1)
    assert class_report("lenses", items, fewer)["advice"] == []


def test_a_stub_that_was_not_begun_is_no_code_that_raised() -> None:
    stub = "This is still a stub: it raises NotImplementedError in `d`, line 2 of its cell."
    items = (*ITEMS[:2], ItemOf("n", "d", 1))
    cards = class_of(20, Check("t", "T", Verdict.RAISED, message=stub), wrong=12)
    assert class_report("lenses", items, cards)["advice"] == []
    cards[0] = card("s00", 4, 2, extra=(item("d", 0, 1, Check("t", "T", Verdict.RAISED)),))
    cards[1] = card("s01", 4, 2, extra=(item("d", 0, 1, Check("t", "T", Verdict.RAISED)),))
    cards[2] = card("s02", 4, 2, extra=(item("d", 0, 1, Check("t", "T", Verdict.RAISED)),))
    (said,) = class_report("lenses", items, cards)["advice"]
    assert said.startswith("d: 27% of the code raised an error")  # 3 of the 11 who wrote some


def test_a_mistake_that_shows_in_several_items_is_said_once() -> None:
    wrong = (item("d", 0, 1, failing("t", NEVER)), item("e", 0, 1, failing("t", NEVER)))
    right = (item("d", 1, 1), item("e", 1, 1))
    cards = [card(f"s{n:02}", 4, 2, extra=wrong if n < 6 else right) for n in range(20)]
    items = (*ITEMS[:2], ItemOf("n", "d", 1), ItemOf("n", "e", 1))
    data = class_report("lenses", items, cards)
    (said,) = data["advice"]
    assert said.startswith("d, e: in 30% of the submissions it is as if the gradients were never")
    assert [(one["grade_ids"], one["count"]) for one in data["mistakes"]] == [(["d", "e"], 6)]
    assert top_mistakes(data) == [], "the advice has said it"


def test_what_was_not_handed_in_is_no_mistake_and_in_no_denominator() -> None:
    missing = Check(NOT_HANDED_IN, "The notebook is in the submission", FAILED)
    nothing = tuple(Item(one.grade_id, one.max_score, checks=(missing,)) for one in ITEMS)
    late = Scorecard("lenses", "eve", (NotebookCard("n", nothing),))
    data = report([*CARDS, late])
    assert [(one["judged"], one["absent"]) for one in data["items"]] == [(4, 1)] * 3
    assert data["mistakes"] == [one for one in report()["mistakes"]]
    assert (data["submissions"], data["complete"]) == (5, 4)
    assert data["students"][-1]["total"] == 0
    given = report([*CARDS, late], marks={**MARKS, ("eve", "n", "c"): 2.0})["items"][2]
    assert (given["judged"], given["absent"]) == (5, 0), "a person has marked it all the same"


def chance(seen: float, verdict: Verdict, *others: Check) -> tuple[Check, ...]:
    figures = (Figure("accuracy", seen, 0.5, False), Figure("loss_ratio", 1 - seen, 0.5, True))
    return Check("run", "It learns", verdict, figures=figures, seconds=2 * seen), *others


def test_time_limits_and_how_near_runs_came_are_told_by_item() -> None:
    hung = Check("more", "T", Verdict.LIMIT, limit="probe_wall_s", seconds=1.0)
    made = {
        "ada": chance(0.9, PASSED),
        "bob": chance(0.7, PASSED),
        "cyd": chance(0.6, PASSED, hung),
        "dan": chance(0.4, FAILED),
        "eve": chance(0.3, FAILED, failing("other", "No.")),
    }
    cards = [
        Scorecard("x", name, (NotebookCard("n", (Item("a", 4, checks=checks),)),))
        for name, checks in made.items()
    ]
    data = class_report("x", [ITEMS[0], ITEMS[1]], cards, names=True)
    first, second = data["items"]
    assert first["seconds"] == {"median": 1.4, "most": 2.2}  # 1.8 1.4 2.2 0.8 0.6
    assert first["limits"] == {"probe_wall_s": 1}
    assert (second["seconds"], second["limits"]) == (None, {})
    accuracy, loss = data["thresholds"]
    assert (accuracy["nearest"], accuracy["median"], accuracy["farthest"]) == (0.6, 0.7, 0.9)
    assert (loss["nearest"], loss["median"], loss["farthest"]) == (0.4, 0.3, 0.1)
    for one in (accuracy, loss):
        assert (one["passed"], one["missed"], one["alone"]) == (3, 2, ["dan"])
    assert data["advice"][0].startswith(
        "a: 1 submission passed every other check and missed a threshold of chance (accuracy, loss_ratio)"
    )
    page = class_page(data)
    assert "1 × probe_wall_s" in page
    assert "≥ 0.50" in page
    assert nearness(data)[0] == (
        "a: accuracy at least 0.50; of 3 that passed the nearest 0.60, in the middle 0.70; 2 missed it"
    )
    assert slowest(data) == [
        "seconds a submission, in the middle: a 1.4 (most 2.2)",
        "a: limit probe_wall_s 1 time",
    ]


def test_an_item_that_goes_backwards_is_suspected_only_with_enough_students() -> None:
    def backwards(count: int) -> list[str]:
        cards = [card(f"s{n:02}", n % 5, 2 - (n % 5) / 2) for n in range(count)]
        advice: list[str] = class_report("lenses", ITEMS[:2], cards)["advice"]
        return advice

    assert backwards(20)[0].startswith("a: who did well elsewhere did worse here")
    assert backwards(19) == []


def test_there_are_never_more_than_five_sentences() -> None:
    items = [ItemOf("n", f"i{n}", 1) for n in range(9)]
    cards = [
        Scorecard("x", f"s{s}", (NotebookCard("n", tuple(item(one.grade_id, 0, 1, failing("t", "No.")) for one in items)),))
        for s in range(4)
    ]  # fmt: skip
    assert len(class_report("x", items, cards)["advice"]) == 5


def test_the_page_escapes_what_comes_from_submissions_and_needs_nothing_else() -> None:
    evil = "<script>alert(1)</script>"
    bad = card(evil, 4, 2, extra=(item("d", 0, 1, failing("t", f"It moved as if {evil} were there. ", evil)),))  # fmt: skip
    data = class_report("lenses", (*ITEMS, ItemOf("n", "d", 1)), [bad, *CARDS], names=True)
    page = class_page(data)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(?:src|href)=|url\(|@import", page)
    assert class_page(data) == page
    assert json.loads(to_json(data)) == data


def test_a_class_of_a_thousand_is_a_page_of_less_than_two_megabytes() -> None:
    items = [ItemOf("n", f"item_number_{n}", 5) for n in range(17)]
    cards = [
        Scorecard("x", f"s{s}", (NotebookCard("n", tuple(item(one.grade_id, (s + k) % 6, 5) for k, one in enumerate(items))),))
        for s in range(1000)
    ]  # fmt: skip
    assert len(class_page(class_report("x", items, cards)).encode()) < 2_000_000


def test_the_command_writes_page_and_json_from_what_was_graded(
    tiny: TinyCourse, tmp_path: Path
) -> None:
    tiny.submission("bob", {"double": "def double(x):\n    return x"})

    def call(*more: str | Path, code: int = 0) -> Any:
        return autograder(tiny.root, "report", "tiny", *more, code=code, columns=100)

    early = call(code=2)
    assert "Nothing of `tiny` has been graded" in early.output
    grade_class(load_course(tiny.root), "tiny")
    page, numbers = tmp_path / "page.html", tmp_path / "numbers.json"
    done = call("--output", page, "--json", numbers, "--names")
    data = json.loads(numbers.read_text())
    assert [one["student"] for one in data["students"]] == ["ada", "bob"]
    assert [one["difficulty"] for one in data["items"]] == [0.5, 1.0, None]
    assert "2 answers still wait for a person: why." in done.output
    assert "double_tests" in page.read_text()


def test_nothing_is_said_of_answers_of_which_few_are_marked() -> None:
    """Untouched answers get their 0 at once, so what is marked first says nothing of the others."""
    marks = {("cyd", "n", "c"): 0.0}
    assert not any("got no point" in sentence for sentence in report(marks=marks)["advice"])
    all_of_them = {(name, "n", "c"): 0.0 for name in ("ada", "bob", "cyd", "dan")}
    assert any("100% got no point" in sentence for sentence in report(marks=all_of_them)["advice"])


def test_two_names_for_one_thing_are_told_once() -> None:
    clipped = NEVER.replace("never set to zero", "never set to zero, and clipped")
    wrong = (item("d", 0, 1, failing("t", NEVER), failing("u", clipped)),)
    cards = [
        card(f"s{n:02}", 4, 2, extra=wrong if n < 6 else (item("d", 1, 1),)) for n in range(20)
    ]
    data = class_report("lenses", (*ITEMS[:2], ItemOf("n", "d", 1)), cards)
    assert [one["variant_of"] for one in data["mistakes"]] == [None, data["mistakes"][0]["key"]]
    assert len(data["advice"]) == 1
    assert class_page(data).count("and as if") == 1
    other = card("s99", 4, 2, extra=(item("d", 0, 1, failing("u", clipped)),))
    apart = class_report("lenses", (*ITEMS[:2], ItemOf("n", "d", 1)), [*cards, other])
    assert [one["variant_of"] for one in apart["mistakes"]] == [None, None]
    assert [said.count("next lecture") for said in apart["advice"]] == [1, 0]
