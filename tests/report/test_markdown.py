"""Written answers as people see them: with their pictures, and with what was ticked."""

from __future__ import annotations

from typing import Any

import pytest
from nbformat import from_dict, v4

from autograder.clean import NOT_SHOWN, clean_bundle, clean_html
from autograder.report.feedback import render_feedback
from autograder.report.harmless import HarmlessNotebook
from autograder.report.markdown import render_markdown
from autograder.report.pieces import render_outputs
from tests.report.samples import code, picture

PICTURE = {"image/png": picture()}
SOURCE = f'src="data:image/png;base64,{picture()}"'


def output(**data: Any) -> str:
    named = {name.replace("_", "/", 1): value for name, value in data.items()}
    cell = code("x", [{"output_type": "display_data", "data": named, "metadata": {}}])
    return "".join(render_outputs(cell))


SHOWN = {
    "by its name": ("![x](attachment:p.png)", "p.png"),
    "with a title": ('![x](attachment:p.png "a title")', "p.png"),
    "by reference": ("![x][1]\n\n[1]: attachment:p.png", "p.png"),
    "a name of another language": ("![x](attachment:größe.png)", "größe.png"),
    "a name with a space": ("![x](attachment:my%20plot.png)", "my plot.png"),
    "a name that is written with signs": ("![x](attachment:gr%C3%B6%C3%9Fe.png)", "gr%C3%B6%C3%9Fe.png"),
    "in a table": ("| a |\n|---|\n| ![x](attachment:p.png) |", "p.png"),
    "as HTML": ('<img src="attachment:p.png" width="40">', "p.png"),
    "as HTML in a line": ("see <img width='40' src='attachment:p.png'/> here", "p.png"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "name"), SHOWN.values(), ids=SHOWN)
def test_an_attachment_is_shown(text: str, name: str) -> None:
    assert SOURCE in render_markdown(text, {name: PICTURE})


def test_a_picture_keeps_the_size_that_it_was_given() -> None:
    shown = render_markdown('<img src="attachment:p.png" width="40">', {"p.png": PICTURE})
    assert 'width="40"' in shown


LOST: dict[str, Any] = {
    "not there": {},
    "SVG": {"p.png": {"image/svg+xml": "<svg/>"}},
    "no picture": {"p.png": {"image/png": "x"}},
    "no bundle": {"p.png": 5},
}


@pytest.mark.parametrize("text", ["![x](attachment:p.png)", "<img src='attachment:p.png'>"])
@pytest.mark.parametrize("attachments", LOST.values(), ids=LOST)
def test_of_a_picture_that_cannot_be_shown_a_word_says_so(attachments: Any, text: str) -> None:
    shown = render_markdown(text, attachments)
    assert "The picture p.png did not come with the answer" in shown
    assert "attachment:" not in shown


def test_a_name_that_is_no_name_does_no_harm() -> None:
    for text in ('![](attachment:"><b>x</b>)', '<img src="attachment:&quot; onerror=&quot;x()">'):
        shown = render_markdown(text, {})
        assert '" onerror' not in shown
        assert "<b>" not in shown


TICKED = {
    "a list": "- [x] ReLU\n- [ ] Tanh",
    "a capital": "- [X] ReLU\n- [ ] Tanh",
    "numbered": "1. [x] ReLU\n2. [ ] Tanh",
    "stars": "* [x] ReLU\n* [ ] Tanh",
    "in paragraphs": "- [x] ReLU\n\n- [ ] Tanh",
    "in a list": "- which?\n  - [x] ReLU\n  - [ ] Tanh",
    "HTML": "<input type='checkbox' checked> ReLU<br><input type='checkbox'> Tanh",
    "HTML in another style": '<INPUT CHECKED="checked" TYPE=CheckBox disabled/>ReLU <input type="checkbox"/>Tanh',
}  # fmt: skip


@pytest.mark.parametrize("text", TICKED.values(), ids=TICKED)
def test_what_was_ticked_can_be_told_from_what_was_not(text: str) -> None:
    shown = render_markdown(text)
    assert shown.count("☑") == shown.count("☐") == 1
    assert shown.index("☑") < shown.index("ReLU") < shown.index("☐") < shown.index("Tanh")


def test_what_was_chosen_can_be_told_from_what_was_not() -> None:
    shown = render_markdown("<input type=radio checked> a <input type=radio> b")
    assert "◉  a ○  b" in shown


@pytest.mark.parametrize("field", ["text", "password", "image", "", "submit"])
def test_no_other_field_comes_through(field: str) -> None:
    assert clean_html(f"a<input type='{field}' checked value='x' src='y'>b") == "ab"


def test_a_word_does_not_come_in_the_place_of_words() -> None:
    svg, plain = "<svg/>", "A drawn tree."
    assert clean_bundle({"image/svg+xml": svg, "text/plain": plain}) == {"text/plain": plain}
    assert clean_bundle({"image/svg+xml": svg, "image/png": picture()}) == PICTURE
    assert clean_bundle({"application/json": [1], "text/plain": plain}) == {"text/plain": plain}
    assert clean_bundle({"text/html": "<script>x</script>"}) == {}


def test_to_clean_twice_changes_nothing() -> None:
    bundles: list[dict[str, Any]] = [
        {"image/svg+xml": "<svg/>", "text/plain": "<Figure size 640x480 with 1 Axes>"},
        {"application/json": {"a": [1]}, "text/plain": "<JSON>"},
        {"text/html": "<script></script>", "text/plain": "<HTML>"},
        {"text/html": "<input type=checkbox>"},
        {"text/markdown": "- [x] a", "text/latex": "$x$", "text/plain": "x"},
    ]
    for bundle in bundles:
        once = clean_bundle(bundle)
        assert once
        assert clean_bundle(once) == once


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


JSON = {
    "short": ({"a": [True, "ä"]}, '{\n "a": [\n  true,\n  "ä"\n ]\n}'),
    "deep": (deep(200), "[" * 200 + "1" + "]" * 200),
    "too deep": (deep(100_000), NOT_SHOWN),
    "half a character": ("\ud800", '"?"'),
    "long": (["x" * 50_000], ""),
    "long in lines": ([[[[[1] * 3000]]]] * 5, ""),
}


@pytest.mark.parametrize(("value", "shown"), JSON.values(), ids=JSON)
def test_json_is_shown_as_people_read_it_up_to_a_length(value: Any, shown: str) -> None:
    text = clean_bundle({"application/json": value, "text/plain": "<JSON object>"})["text/plain"]
    assert len(text) < 20_100
    assert text.endswith(" …") if not shown else text == shown


def test_a_formula_is_shown_and_else_its_source() -> None:
    for formula in ("$\\displaystyle x^2$", "$$x^2$$", "$x^2$", " x^2 "):
        assert "<msup><mi>x</mi><mn>2</mn></msup>" in output(
            text_latex=formula, text_plain="<Math>"
        )
    assert ">\\odd{x}<" in output(text_latex="$\\odd{x}$")
    assert "a $b$ c $d$" in output(text_latex="a $b$ c $d$")


def test_a_long_markdown_output_is_shown_as_it_stands() -> None:
    assert "<strong>a</strong>" in output(text_markdown="**a**")
    assert "**a**" in output(text_markdown="**a** " * 4000)


def test_so_is_what_comes_after_much_of_it() -> None:
    text = "**a**" + "\n" * 9_000
    data = {"text/markdown": text, "text/latex": "$x$"}
    entry = {"output_type": "display_data", "data": data, "metadata": {}}
    cells = [code("x", [from_dict(entry)] * 15) for _ in range(2)]
    page = render_feedback(
        v4.new_notebook(cells=cells),
        None,
        student="ada",
        assignment="a",
        score=0.0,
        max_score=1.0,
        for_students=str,
        waiting=(),
    )
    assert (page.count("<strong>a</strong>"), page.count("**a**")) == (22, 8)
    shown, _ = HarmlessNotebook().preprocess(v4.new_notebook(cells=cells), {})
    mimes = [list(output.data) for cell in shown.cells for output in cell.outputs]
    assert mimes == [["text/markdown"]] * 22 + [["text/plain"]] * 8


def test_markdown_of_an_output_brings_nothing_in() -> None:
    shown = output(
        text_markdown="![x](https://example.org/x.png) <script>x()</script> [a](javascript:x())"
    )
    assert "example.org" not in shown
    assert "script" not in shown
