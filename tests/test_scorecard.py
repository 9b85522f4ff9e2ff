"""The scorecard's documented form: there and back, and no other version."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autograder import scorecard
from autograder.errors import KitError
from autograder.sandbox.settings import WALLS
from autograder.scorecard import (
    Check,
    Item,
    NotebookCard,
    Scorecard,
    Verdict,
    counted,
    merge,
    points_text,
)


def card(notebook: str = "tiny") -> Scorecard:
    checks = tuple(
        Check(f"test_{verdict}", "Title ä🙂", verdict, 1.5, "message", "hint", "Traceback: 42")
        for verdict in Verdict
    )
    items = (
        Item("a", 3.0, checks=checks),
        Item("b", 4.0, checks=checks[:2]),
        Item("c", 5.0, manual=True),
        Item("d", 1.0, message="words"),
    )
    made = NotebookCard(notebook, items, "a reason", ("a repair",))
    return Scorecard("assignment", "ada", (made,))


def test_a_card_comes_back_from_json_as_it_was() -> None:
    assert Scorecard.from_json(json.loads(card().dumps())) == card()


def test_scores_in_json_are_null_where_no_mark_is() -> None:
    data = card().to_json()
    scores = {item["grade_id"]: item["score"] for item in data["notebooks"][0]["items"]}
    assert scores == {"a": None, "b": 2.0, "c": None, "d": None}
    assert data["score"] == 2.0
    assert data["auto_max_score"] == 8.0


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        "card",
        None,
        {"format": "autograder-scorecard", "version": 2},
        {"format": "autograder-scorecard", "version": "1"},
        {"format": "other", "version": 1},
    ],
)
def test_what_is_no_card_of_this_version_is_refused(data: Any) -> None:
    with pytest.raises(KitError, match="--regrade"):
        Scorecard.from_json(data)


def test_the_students_card_has_no_word_for_staff() -> None:
    assert "42" in card().dumps()
    assert "42" not in card().for_student().dumps()
    broken = Scorecard("x", "ada", (NotebookCard("tiny", (), "E  assert answer == 42"),))
    assert broken.for_student().reasons == ["tiny: It is not graded yet: staff will look at it."]


def test_cards_of_notebooks_are_merged_by_name() -> None:
    both = merge([card("b"), card("a")])
    assert [notebook.name for notebook in both.notebooks] == ["a", "b"]


def test_every_ungraded_item_is_named_to_staff() -> None:
    silent = Scorecard("x", "ada", (NotebookCard("tiny", tuple(card().items)),))
    assert silent.reasons == ["tiny: no verdict for a, d"]


def part(max_score: float, passed: int, of: int) -> Item:
    """An item of which some checks of equal weight passed."""
    verdicts = [Verdict.PASSED] * passed + [Verdict.FAILED] * (of - passed)
    checks = tuple(Check(f"t{n}", "", verdict, 1 / of) for n, verdict in enumerate(verdicts))
    return Item(f"i{passed}/{of}", max_score, checks=checks)


@pytest.mark.parametrize("points", [0.125, 0.1, 1 / 3, 0.0005, 2.5, 1e5 + 0.001, 7])
def test_whole_points_of_any_precision_are_earned_whole(points: float) -> None:
    for checks in (1, 3, 7):
        card = Scorecard("hw", "ada", (NotebookCard("a", (part(points, checks, checks),)),))
        assert card.items[0].score == points
        assert not card.lost_points


@pytest.mark.parametrize(
    ("items", "total", "text"),
    [
        ([part(1, 1, 3)] * 3, 1.0, "1"),
        ([part(1 / 3, 1, 1)] * 3, 1.0, "1"),
        ([part(0.1, 1, 1)] * 10, 1.0, "1"),
        ([part(0.125, 1, 1)], 0.125, "0.125"),
        ([part(0.125, 1, 2)] * 3, 0.1875, "0.1875"),
        ([part(10, 2, 3)], 6.666666667, "6.67"),
        ([part(1000.125, 1, 1)], 1000.125, "1000.125"),
        ([part(2, 1, 7)] * 7, 2.0, "2"),
        ([part(5, 0, 2)], 0.0, "0"),
    ],
)
def test_parts_of_points_add_up(items: list[Item], total: float, text: str) -> None:
    card = Scorecard("hw", "ada", (NotebookCard("a", tuple(items)),))
    assert card.score == total
    assert points_text(card.score) == text


def test_a_score_in_json_is_short() -> None:
    card = Scorecard("hw", "ada", (NotebookCard("a", (part(0.3, 1, 1), part(0.7, 1, 3))),))
    scores = [item["score"] for item in card.to_json()["notebooks"][0]["items"]]
    assert scores == [0.3, 0.233333333333]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 boxes"),
        (1, "1 box"),
        (1.0, "1 box"),
        (2, "2 boxes"),
        (0.5, "0.5 boxes"),
        (1e-9 + 1, "1 box"),
    ],
)
def test_what_is_counted_has_its_noun(number: float, said: str) -> None:
    assert counted(number, "box", "boxes") == said
    assert counted(number, "point") == said.replace("boxes", "points").replace("box", "point")


def test_the_forms_of_the_wall_are_those_of_the_box() -> None:
    """The card of a submission names the weakest; no import goes from here to the box."""
    assert ("", *WALLS) == scorecard._WALLS
