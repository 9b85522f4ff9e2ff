"""The first page of a student's feedback: all of it at a glance, also where nothing came."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from autograder.report.overview import NotebookResult, notebook_result, render_overview
from autograder.scorecard import NOT_HANDED_IN, Check, Item, NotebookCard, Verdict
from tests.report.samples import WRITTEN, item, notebook_card


def result(card: NotebookCard | None, **more: Any) -> NotebookResult:
    values = {"title": "1 · Data", "max_score": 14.0, "page": "1_data.html", **more}
    grades = values.pop("grades", {})
    return notebook_result("1_data", card, grades, values.pop("waiting", {"why"}), **values)


def page(*results: NotebookResult) -> str:
    return render_overview(results, student="ada", assignment="vgg16")


def missing(name: str = "2_more") -> NotebookCard:
    gone = Check(NOT_HANDED_IN, "It is there", Verdict.FAILED, message="There is no such file.")
    return NotebookCard(name, (Item("more_tests", 20.0, checks=(gone,)),))


def test_the_total_is_that_of_all_notebooks_and_open_points_are_hatched() -> None:
    one = result(
        notebook_card(item(Verdict.PASSED), WRITTEN), grades={"head_tests": {"score": 10.0}}
    )
    late = result(notebook_card(item(Verdict.PASSED)), grades={}, late_penalty=2.0, max_score=10.0)
    html = page(one, late)
    assert "<strong>18</strong> of 24 points" in html
    assert "4 points are still open: a person reads the written answers" in html
    assert "2 points were taken off" in html
    assert html.count('class="bar"') == 3
    assert 'aria-label="75.0 % of the points, 16.7 % still open"' in html


def test_a_mark_of_a_person_counts() -> None:
    card = notebook_card(item(Verdict.FAILED), WRITTEN)
    html = page(
        result(card, grades={"head_tests": {"score": 9.0}, "why": {"score": 3.0}}, waiting=())
    )
    assert "<strong>12</strong> of 14" in html
    assert "still open" not in html


def test_what_is_missing_is_named_with_what_to_do() -> None:
    here = result(notebook_card(item(Verdict.PASSED)))
    gone = notebook_result("2_more", missing(), {}, (), title="2 · More", max_score=20.0)
    html = page(here, gone)
    assert "Not in your submission: 2_more.ipynb." in html
    assert "hand in the notebooks themselves" in html
    assert 'href="1_data.html"' in html
    assert "2_more.html" not in html
    assert "Look at" not in html, "there is nothing to look at in a notebook that is not there"
    empty = page(gone)
    assert "There is no notebook of this assignment in your submission" in empty


def test_a_file_that_cannot_be_read_is_no_zero() -> None:
    card = NotebookCard(
        "1_data", (item(Verdict.UNGRADED),), "for staff", unreadable="1_data.ipynb is not JSON"
    )
    html = page(result(card, max_score=10.0))
    assert "Your file 1_data.ipynb could not be read: it is not JSON." in html
    assert "this is no zero" in html
    assert '–<span class="of"> / 10' in html
    assert "for staff" not in html


def test_what_was_not_graded_is_not_called_zero() -> None:
    html = page(result(None))
    assert "Not graded yet" in html
    assert '–<span class="of"> / 14' in html


def test_what_cost_most_comes_first_and_what_was_not_begun_last() -> None:
    stub = Check(
        "t",
        "T",
        Verdict.RAISED,
        message="This is still a stub: it raises NotImplementedError in `new`.",
    )
    items = (
        Item("new_tests", 50.0, checks=(stub,)),
        item(Verdict.PASSED, Verdict.FAILED, grade_id="small_tests", max_score=4.0),
        item(Verdict.FAILED, grade_id="large_tests", max_score=9.0),
        item(Verdict.UNGRADED, grade_id="ours_tests", max_score=90.0),
    )
    html = page(result(notebook_card(*items), waiting={"ours_tests"}))
    first = html.split("Look at these first")[1]
    places = [first.index(f">{name}</a>") for name in ("large", "small", "new")]
    assert places == sorted(places)
    assert "ours" not in first
    assert '"1_data.html#item-3">large' in first
    assert "Message 0." in first
    assert "still as it was handed out" in first


def test_full_marks_are_said() -> None:
    assert "Every point there is" in page(
        result(notebook_card(item(Verdict.PASSED)), max_score=10.0)
    )


def test_a_notebook_that_only_staff_can_repair_is_not_missing() -> None:
    card = replace(missing("1_data"), items=(item(Verdict.UNGRADED),))
    assert not card.is_missing
    assert missing().is_missing
