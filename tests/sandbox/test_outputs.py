"""A cell's outputs are those that Jupyter would show, as many and as large as the budget allows."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.sandbox.outputs import Displays, OutputCollector
from autograder.sandbox.stream_text import StreamText

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
        (["a\rb\n"], "b\n"),
        (["a\rb"], "b"),
        (["longer\rx"], "xonger"),
        (["longer\r", "x", "y"], "xynger"),
        (["a\r", "\nb"], "a\nb"),
        (["ab\b\bc"], "cb"),
        (["ab\b", "c"], "ac"),
        (["a\n\b\bb"], "a\nb"),
        (["\x1b[32mlonger\x1b[0m\rx"], "x"),
        (["\x1b[32mlonger\x1b[0m\r\nx"], "\x1b[32mlonger\x1b[0m\nx"),
    ],
)
def test_a_progress_bar_shows_its_last_state(pieces: list[str], shown: str) -> None:
    assert texts(collected(stream(""), *map(stream, pieces))) == [shown]


@pytest.mark.parametrize(
    "piece", ["\r12345", "12345\r", "x" * 30_000 + "\r", "\ry\b\n", "z" * 19_999]
)
def test_the_size_of_a_stream_is_that_of_what_it_shows(piece: str) -> None:
    text = StreamText()
    for _ in range(5):
        text.write(piece)
        assert text.size == len(str(text))


def test_a_long_line_is_not_gone_through_again_for_each_piece() -> None:
    text = StreamText()
    for _ in range(50):
        text.write("x" * 10_000)
        assert len(text._line) <= 20_000
    text.write("\rend")
    assert "end" in str(text)
    assert len(str(text)) >= 480_000, "only the end of the line is written over"


def test_outputs_are_cleared_when_the_next_one_comes() -> None:
    clear: tuple[str, dict[str, Any]] = ("clear_output", {"wait": True})
    assert texts(collected(stream("old"), clear)) == ["old"]
    assert texts(collected(stream("old"), display(text_plain="1"), clear, stream("new"))) == ["new"]


def test_outputs_are_cleared_at_once_if_the_cell_says_so() -> None:
    assert collected(stream("old"), ("clear_output", {"wait": False})) == []


def test_what_was_cleared_gives_its_room_back() -> None:
    clear: tuple[str, dict[str, Any]] = ("clear_output", {"wait": True})
    assert texts(collected(stream("x" * 900), clear, stream("y" * 200))) == ["y" * 200]
    assert texts(collected(*[stream("x" * 900)] * 3, clear, stream("last"))) == ["last"]
    pictures = [clear, display(text_plain="x" * 900)] * 20
    assert texts(collected(*pictures, most=1000, outputs=1)) == [str({"text/plain": "x" * 900})]


def of_id(name: Any, text: str, kind: str = "display_data") -> tuple[str, dict[str, Any]]:
    kind, content = display(kind, text_plain=text)
    return kind, {**content, "transient": {"display_id": name}}


def update(name: Any, text: str) -> tuple[str, dict[str, Any]]:
    return of_id(name, text, "update_display_data")


def plain(outputs: list[dict[str, Any]]) -> list[str]:
    return [output["data"]["text/plain"] for output in outputs]


def test_a_display_shows_what_it_was_updated_to() -> None:
    messages = [of_id("a", "1"), of_id("b", "2"), update("a", "3"), update("c", "4")]
    assert plain(collected(*messages)) == ["3", "2"]


def test_all_displays_of_an_id_are_updated_together() -> None:
    assert plain(collected(of_id("a", "1"), of_id("a", "2"))) == ["2", "2"]
    result = of_id("a", "1", "execute_result")
    assert plain(collected(result, of_id("a", "2"), update("a", "3"))) == ["3", "3"]


def test_a_later_cell_updates_what_an_earlier_one_shows() -> None:
    displays = Displays()
    cells = []
    for messages in ([of_id("a", "1"), of_id("a", "1")], [update("a", "2"), of_id("a", "3")]):
        collector = OutputCollector(1000, 10, displays)
        for kind, content in messages:
            collector.add(kind, content)
        cells.append(collector.outputs())
    assert [plain(outputs) for outputs in cells] == [["3", "3"], ["3"]]


def test_an_update_comes_in_the_place_of_what_was_there() -> None:
    many = [update("a", "x" * 900) for _ in range(20)]
    assert plain(collected(of_id("a", "1"), *many)) == ["x" * 900]


def test_updates_count_for_every_display_that_they_reach() -> None:
    shown = collected(*[of_id("a", "1")] * 5, update("a", "x" * 300))
    assert texts(shown)[-1] == CUT
    displays = Displays()
    first = OutputCollector(1000, 10, displays)
    for _ in range(5):
        first.add(*of_id("a", "1"))
    earlier = first.outputs()
    second = OutputCollector(1000, 10, displays)
    second.add(*update("a", "x" * 300))
    assert texts(second.outputs()) == [CUT]
    assert plain(earlier) == ["1"] * 5


def test_an_update_is_cleaned() -> None:
    messages = [of_id("a", "1"), display("update_display_data", text_html="<b onclick='x()'>a</b>")]
    messages[1][1]["transient"] = {"display_id": "a"}
    assert collected(*messages)[0]["data"] == {"text/html": "<b>a</b>"}


@pytest.mark.parametrize("name", [None, 5, ["a"], "x" * 1000, ""])
def test_an_id_that_is_none_updates_nothing(name: Any) -> None:
    assert plain(collected(of_id(name, "1"), update(name, "2"))) == ["1"]


def test_an_update_of_what_was_cleared_is_not_shown() -> None:
    clear: tuple[str, dict[str, Any]] = ("clear_output", {})
    assert collected(of_id("a", "1"), clear, update("a", "2")) == []


def test_what_is_written_over_needs_no_room() -> None:
    bar = "\r" + "#" * 90
    assert texts(collected(stream(bar * 100))) == ["#" * 90]
    assert texts(collected(*[stream(bar)] * 100)) == ["#" * 90]


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
