"""A cell's outputs are those that Jupyter would show, as many and as large as the budget allows."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.sandbox.outputs import OutputCollector

CUT = "[The rest of this cell's output was cut off: it is over the limit.]\n"
PNG = "iVBORw0KGgoAAAANSUhEUg=="


def stream(text: Any, name: str = "stdout") -> tuple[str, dict[str, Any]]:
    return "stream", {"name": name, "text": text}


def display(kind: str = "display_data", **data: Any) -> tuple[str, dict[str, Any]]:
    return kind, {"data": {name.replace("_", "/"): value for name, value in data.items()}}


def collected(
    *messages: tuple[str, dict[str, Any]], most: int = 1000, outputs: int = 10
) -> list[dict[str, Any]]:
    collector = OutputCollector(most, outputs)
    for kind, content in messages:
        collector.add(kind, content)
    return collector.outputs()


def texts(outputs: list[dict[str, Any]]) -> list[str]:
    return [str(output.get("text", output.get("data"))) for output in outputs]


def test_what_one_stream_says_in_pieces_is_one_output() -> None:
    assert collected(stream("a"), stream("b"), stream("c", "stderr"), stream("d")) == [
        {"output_type": "stream", "name": "stdout", "text": "ab"},
        {"output_type": "stream", "name": "stderr", "text": "c"},
        {"output_type": "stream", "name": "stdout", "text": "d"},
    ]


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["10%\r", "50%\r", "100%\n"], "100%\n"),
        (["10%", "\r50%"], "50%"),
        (["a\r\n", "b\r\n"], "a\nb\n"),
        (["kept\n10%\r20%\n"], "kept\n20%\n"),
    ],
)
def test_a_progress_bar_shows_its_last_state(pieces: list[str], shown: str) -> None:
    assert texts(collected(stream(""), *map(stream, pieces))) == [shown]


def test_outputs_are_cleared_when_the_next_one_comes() -> None:
    clear: tuple[str, dict[str, Any]] = ("clear_output", {"wait": True})
    assert texts(collected(stream("old"), clear)) == ["old"]
    assert texts(collected(stream("old"), display(text_plain="1"), clear, stream("new"))) == ["new"]


def test_what_was_cleared_still_counts_for_the_budget() -> None:
    clear: tuple[str, dict[str, Any]] = ("clear_output", {})
    shown = collected(stream("x" * 900), clear, stream("y" * 200))
    assert texts(shown)[-1] == CUT


def test_a_result_keeps_its_number_and_a_picture_its_content() -> None:
    kind, content = display("execute_result", text_plain="1", image_png=PNG)
    assert collected((kind, {**content, "execution_count": 3})) == [
        {
            "output_type": "execute_result",
            "data": {"text/plain": "1", "image/png": PNG},
            "metadata": {},
            "execution_count": 3,
        }
    ]


@pytest.mark.parametrize("count", [-1, 2**31, "3", True, None, [3]])
def test_a_number_that_is_none_is_left_out(count: Any) -> None:
    kind, content = display("execute_result", text_plain="1")
    assert collected((kind, {**content, "execution_count": count}))[0]["execution_count"] is None


def test_what_is_not_harmless_is_dropped() -> None:
    shown = collected(display(text_html="<b onclick='x()'>a</b>", text_plain="a", text_x="?"))
    assert shown[0]["data"] == {"text/html": "<b>a</b>", "text/plain": "a"}
    assert collected(display(application_javascript="x()")) == []


def test_an_exception_is_an_output_of_at_most_so_many_lines() -> None:
    content = {"ename": "ValueError", "evalue": "no", "traceback": ["line"] * 5000}
    (shown,) = collected(("error", content), most=10**6)
    assert (shown["ename"], shown["evalue"]) == ("ValueError", "no")
    assert len(shown["traceback"]) == 1000


BUDGET = {
    "a stream": stream("x" * 300),
    "a display": display(text_plain="x" * 300),
    "html of which nothing is left": display(text_html="<b>" + "<!-- x -->" * 30),
    "html of which nothing at all is left": display(text_html=["<!-- x -->"] * 30),
    "an exception": ("error", {"ename": "E", "evalue": "x" * 150, "traceback": ["x" * 150]}),
}


@pytest.mark.parametrize("message", BUDGET.values(), ids=BUDGET)
def test_what_is_over_the_budget_is_cut_off_with_a_word(message: tuple[str, Any]) -> None:
    assert CUT not in texts(collected(*[message] * 3))
    shown = collected(*[message] * 4, stream("later"))
    assert texts(shown)[-1] == CUT
    assert sum(map(len, texts(shown))) < 1000 + len(CUT) + 100
    assert "later" not in texts(shown), "what comes after a cut is not shown either"


def test_one_that_is_larger_than_the_budget_is_not_shown() -> None:
    assert texts(collected(stream("x" * 1001))) == [CUT]
    assert texts(collected(stream("x" * 1000))) == ["x" * 1000]


def test_no_more_outputs_are_shown_than_allowed() -> None:
    assert texts(collected(*[display(text_plain="1")] * 10)).count(CUT) == 0
    shown = collected(*[display(text_plain="1")] * 12)
    assert len(shown) == 11
    assert texts(shown)[-1] == CUT


def test_nothing_is_collected_on_no_budget() -> None:
    assert texts(collected(stream("x"), most=0, outputs=0)) == [CUT]


def test_the_driver_can_say_that_something_is_missing() -> None:
    collector = OutputCollector(1000, 10)
    collector.add(*stream("shown"))
    collector.cut()
    collector.add(*stream("lost"))
    assert texts(collector.outputs()) == ["shown", CUT]


ODD: list[tuple[str, Any]] = [
    ("status", {"execution_state": "busy"}),
    ("display_data", {}),
    ("display_data", {"data": None}),
    ("display_data", {"data": [1]}),
    ("display_data", {"data": {"text/plain": 5, "image/png": "no picture"}}),
    ("no_such_kind", {"data": {"text/plain": "x"}}),
]


@pytest.mark.parametrize("message", ODD, ids=lambda message: str(message)[:50])
def test_what_is_no_output_is_ignored(message: tuple[str, Any]) -> None:
    assert collected(message) == []


def test_fields_of_other_types_are_empty() -> None:
    assert texts(collected(stream(5), stream("half: \ud83d", "stderr"))) == ["", "half: ?"]
    (shown,) = collected(("error", {"ename": 1, "evalue": None, "traceback": [1, "line"]}))
    assert (shown["ename"], shown["evalue"], shown["traceback"]) == ("", "", ["line"])
