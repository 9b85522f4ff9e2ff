"""Canvas through its API: dry at first, only what differs, and read back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autograder.errors import KitError
from autograder.lms.canvas_api import TOKEN, CanvasAssignment, Change
from autograder.lms.marksheets import Mark
from tests.lms.fake_canvas import PATH, FakeCanvas, fake_canvas

pytest.importorskip("canvasapi")
pytestmark = pytest.mark.filterwarnings(
    "ignore:Canvas may respond unexpectedly"
)  # of http, on this machine

MARKS = [Mark("ada", 10.5), Mark("joerg", 3.0), Mark("li", None), Mark("zoe", 1.0)]


@pytest.fixture
def canvas(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCanvas]:
    monkeypatch.setenv(TOKEN, "right")
    with fake_canvas() as fake:
        yield fake


def test_a_plan_changes_nothing_and_names_everybody(canvas: FakeCanvas) -> None:
    plan = CanvasAssignment(canvas.url + PATH).plan(MARKS)
    assert plan.changes == [Change("ada", 4711, None, 10.5)]
    assert (plan.unchanged, plan.waiting, plan.not_there) == (["joerg"], ["li"], ["zoe"])
    assert not [asked for asked in canvas.asked if not asked.startswith("GET")]


def test_what_is_sent_is_read_back_and_not_sent_again(canvas: FakeCanvas) -> None:
    assignment = CanvasAssignment(canvas.url + PATH)
    marks = [Mark("ada", 10.5), Mark("li", 5.25)]
    canvas.deaf = {4713}
    assert assignment.send(assignment.plan(marks).changes, sleep=lambda _: None) == ["li"]
    assert canvas.scores == {4711: 10.5, 4712: 3.0, 4713: None}
    assert [change.student for change in assignment.plan(marks).changes] == ["li"]


def test_excused_students_stay_and_high_marks_are_named(canvas: FakeCanvas) -> None:
    canvas.excused = {4711}
    plan = CanvasAssignment(canvas.url + PATH).plan([Mark("ada", 1.0), Mark("li", 13.0)])
    assert plan.notes == [
        "ada: excused in Canvas, and left as it is",
        "li: 13 is above the maximum there, 12",
    ]


def test_without_changes_nothing_is_sent(canvas: FakeCanvas) -> None:
    assert CanvasAssignment(canvas.url + PATH).send([]) == []
    assert not [asked for asked in canvas.asked if asked.startswith("POST")]


@pytest.mark.parametrize(
    ("token", "path", "said"),
    [
        ("", PATH, f"environment as {TOKEN}"),
        ("wrong", PATH, "does not take the token"),
        ("right", "/courses/12/assignments/35", "knows no such course or assignment"),
        ("right", "/courses/12", "is no assignment of Canvas"),
    ],
)
def test_refusals_are_told_in_words(
    canvas: FakeCanvas, monkeypatch: pytest.MonkeyPatch, token: str, path: str, said: str
) -> None:
    monkeypatch.setenv(TOKEN, token)
    with pytest.raises(KitError, match=said) as refused:
        CanvasAssignment(canvas.url + path)
    assert "wrong" not in str(refused.value)


def test_a_token_does_not_go_out_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "right")
    with pytest.raises(KitError, match="is no assignment of Canvas"):
        CanvasAssignment("http://canvas.example.edu/courses/12/assignments/34")
