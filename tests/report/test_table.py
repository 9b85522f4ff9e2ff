from __future__ import annotations

import csv
import dataclasses
import io
import json

import pytest
from rich.console import Console
from rich.table import Table

from autograder.report.items import item_table
from autograder.report.table import COLUMNS, Marks, class_table, to_csv, to_json
from autograder.scorecard import Check, Item, Scorecard, Verdict
from tests.report.samples import WRITTEN, item, notebook_card, scorecard


def shown(*cards: Scorecard, marks: Marks | None = None) -> str:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(class_table(cards, marks))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def screen(table: Table) -> str:
    """A table's text with single spaces."""
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def rows(*cards: Scorecard, marks: Marks | None = None) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(cards, marks))))


ADA = scorecard("ada", notebook_card(item(Verdict.PASSED, Verdict.FAILED), WRITTEN))
BOB = scorecard("bob", notebook_card(item(Verdict.UNGRADED), WRITTEN, reason="no graders"))


def table_rows(*cards: Scorecard, marks: Marks | None = None) -> dict[str, list[str]]:
    """The cells of each row that are not empty, by the first."""
    lines = [line.split() for line in shown(*cards, marks=marks).splitlines() if line.strip()]
    return {first: rest for first, *rest in lines}


def test_the_table_has_a_row_for_each_submission() -> None:
    found = table_rows(BOB, ADA)
    ends = ["✗", "?"]  # that there are
    assert found["student"] == ["1", "data", "points", "waits", *ends]
    assert found["ada"] == ["5/10", "5/10", "4", "1"]
    # What is not marked counts on neither side; why stands below the table, once.
    assert found["bob"] == ["*", "0/0", "0/0", "14", "1"]
    assert "no graders" not in shown(BOB)


def test_the_last_row_is_the_middle_of_the_class() -> None:
    best = scorecard("cyd", notebook_card(item(Verdict.PASSED, Verdict.PASSED), WRITTEN))
    assert table_rows(ADA, BOB, best)["median"] == ["5", "5"]
    assert "median" not in table_rows(ADA, BOB), "of two there is none"


def test_what_was_not_judged_is_no_zero_above_the_items_of_one_submission() -> None:
    assert item_table(BOB).title == "bob, vgg16: 0 of 10 points, 10 of them not judged yet"
    assert item_table(ADA).title == "ada, vgg16: 5 of 10 points"


def test_the_table_counts_marks_that_people_gave() -> None:
    marks: Marks = {("ada", "1_data", "why"): 3.0}
    assert table_rows(ADA, marks=marks)["ada"][:2] == ["8/14", "8/14"]


def test_what_waits_is_seen_where_it_is_worth_nothing() -> None:
    card = scorecard("ada", notebook_card(Item("a", 0, manual=True), Item("b", 0, manual=True)))
    assert "2 items" in shown(card)
    assert "items" not in shown(
        card, marks=dict.fromkeys([("ada", "1_data", x) for x in "ab"], 0.0)
    )


def test_the_table_says_when_no_one_must_act() -> None:
    assert "staff must act" in screen(class_table([ADA, BOB]))
    assert "staff must act" not in screen(class_table([ADA]))


def test_staff_read_which_marks_are_only_as_safe_as_their_cells() -> None:
    by_cell = dataclasses.replace(item(Verdict.PASSED), in_notebook=True)
    card = scorecard("ada", notebook_card(by_cell, WRITTEN))
    said = "judged by tests in the notebook, each mark as safe as its cell: 1 item"
    assert screen(class_table([card])).endswith(said)
    assert f"{said.partition(':')[0]}: head_tests" in screen(item_table(card))
    assert "tests in the notebook" not in shown(ADA) + screen(item_table(ADA))
    wanted = ["tests in the notebook", "a person"]
    assert [row["judged_by"] for row in rows(card)] == wanted
    (told,) = json.loads(to_json([card]))["submissions"]
    assert [entry["judged_by"] for entry in told["items"]] == wanted


def test_names_are_no_markup_and_no_terminal_commands() -> None:
    text = shown(scorecard("[red]x[/red]\x1b[2J", notebook_card(item(Verdict.PASSED))))
    assert "[red]x[/red]" in text
    assert "\x1b" not in text


def test_csv_has_one_row_an_item_and_no_zero_for_what_waits() -> None:
    first, second = rows(ADA)
    assert tuple(first) == COLUMNS
    assert (first["verdict"], first["score"], first["max_score"]) == ("failed", "5", "10")
    assert first["hint"] == "Message 1. Hint 1?"
    assert (second["verdict"], second["score"], second["state"]) == ("", "", "manual")
    assert [(row["score"], row["state"]) for row in rows(BOB)] == [("", "ungraded"), ("", "manual")]


def test_a_mark_of_the_gradebook_wins_and_none_waits() -> None:
    marks = {("ada", "1_data", "head_tests"): 9.5, ("ada", "1_data", "why"): 0.0}
    assert [(row["score"], row["state"]) for row in rows(ADA, marks=marks)] == [
        ("9.5", "final"),
        ("0", "final"),
    ]
    taken_back = rows(ADA, marks={("ada", "1_data", "head_tests"): None})[0]
    assert (taken_back["score"], taken_back["state"]) == ("", "manual")
    assert rows(BOB, marks={("bob", "1_data", "head_tests"): 4.0})[0]["state"] == "final"


@pytest.mark.parametrize("sign", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_csv_holds_no_formulas(sign: str) -> None:
    check = Check("t", "t", Verdict.FAILED, message=sign)
    row = rows(scorecard(sign, notebook_card(Item(sign, 1.0, checks=(check,)), name=sign)))[0]
    for column in ("student", "notebook", "grade_id", "hint"):
        assert row[column].startswith("'")


def test_csv_quotes_commas_quotes_and_lines() -> None:
    check = Check("t", "t", Verdict.FAILED, message='a, "b"\nc')
    assert (
        rows(scorecard("x,y", notebook_card(Item("g", 1.0, checks=(check,)))))[0]["hint"]
        == 'a, "b"\nc'
    )


def test_json_has_each_item_and_says_whether_all_are_marked() -> None:
    data = json.loads(to_json([BOB, ADA], {("ada", "1_data", "why"): 4.0}))
    assert (data["format"], data["version"]) == ("autograder-marks", 2)
    ada, bob = data["submissions"]
    assert (ada["score"], ada["max_score"], ada["complete"]) == (9.0, 14.0, True)
    assert ada["items"][0]["verdict"] == "failed"
    assert ada["items"][0]["hint"] == "Message 1. Hint 1?"
    assert (bob["complete"], bob["reasons"]) == (False, ["1_data: no graders"])
    assert bob["items"][0]["score"] is None
    assert "the hidden value" not in to_json([ADA, BOB])


def test_programs_get_every_decimal_and_people_those_that_they_read() -> None:
    """`:g` would cut the sixth digit."""
    third = Item(
        "third",
        1.0,
        checks=(
            Check("a", "", Verdict.PASSED),
            Check("b", "", Verdict.FAILED),
            Check("c", "", Verdict.FAILED),
        ),
    )
    card = scorecard(
        "ada",
        notebook_card(third, Item("eighth", 1000.125, checks=(Check("a", "", Verdict.PASSED),))),
    )
    assert [row["score"] for row in rows(card)] == ["0.333333333333", "1000.125"]
    assert [row["max_score"] for row in rows(card)] == ["1", "1000.125"]
    assert json.loads(to_json([card]))["submissions"][0]["max_score"] == 1001.125
    assert "1000.46/1001.125" in shown(card)


def test_the_reason_stands_where_a_spreadsheet_has_hints() -> None:
    (first, second) = rows(BOB)
    assert (first["state"], first["hint"]) == ("ungraded", "staff: no graders")
    assert second["hint"] == ""
    assert rows(BOB, marks={("bob", "1_data", first["grade_id"]): 2.0})[0]["hint"] == ""
