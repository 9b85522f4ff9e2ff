"""What of a submission's HTML is shown, and that to find out takes no longer than the text is long."""

from __future__ import annotations

import html
import random
from html.parser import HTMLParser

import nh3
import pytest

from autograder.clean import clean_html, is_picture, plain_html


class Shape(HTMLParser):
    """How deep the elements of well-formed HTML are nested, and how many there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements = self.depth = self._now = 0
        self.feed(text)
        self.close()
        assert self._now == 0, "a parser's tree is well-formed when it is written"

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        self.elements += 1
        self._now += tag not in plain_html._EMPTY
        self.depth = max(self.depth, self._now)

    def handle_endtag(self, tag: str) -> None:
        self._now -= tag not in plain_html._EMPTY


class Counted:
    """What the kit counts of a text: its greatest depth and a parser's work."""

    def __init__(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.depth = self.work = 0
        counted = self

        class Nesting(plain_html._Nesting):
            def count_tag(self, name: str, is_end: bool, tag: str) -> None:
                super().count_tag(name, is_end, tag)
                counted.depth, counted.work = max(counted.depth, self.depth), self.work

        with monkeypatch.context() as patch:
            patch.setattr(plain_html, "_Nesting", Nesting)
            self.written = plain_html.write_anew(text)


# Elements whose ends a parser makes up by rules of their own, and some others.
TAGS = [
    "a",
    "b",
    "i",
    "p",
    "li",
    "td",
    "th",
    "tr",
    "table",
    "caption",
    "tbody",
    "thead",
    "colgroup",
    "col",
    "dd",
    "dt",
    "div",
    "ul",
    "h1",
    "rt",
    "ruby",
    "q",
    "ins",
    "data",
    "br",
]


def random_html(rng: random.Random) -> str:
    some = rng.sample(TAGS, rng.randint(2, 7))

    def token() -> str:
        if rng.random() < 0.15:
            return "x"
        name, title = rng.choice(some), rng.randrange(99)
        return f"</{name}>" if rng.random() < 0.45 else f"<{name} title={title}>"

    repeated = [token() for _ in range(rng.randint(2, 9))] * rng.randint(1, 6)
    return "".join([*(token() for _ in range(3)), *repeated])


def test_a_parser_nests_no_deeper_and_makes_no_more_than_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = random.Random(8)
    deepest = 0
    for _ in range(4000):
        text = random_html(rng)
        counted = Counted(text, monkeypatch)
        shape = Shape(nh3.clean(counted.written))
        assert shape.depth <= counted.depth, text
        assert shape.elements <= counted.work, text
        deepest = max(deepest, shape.depth)
    assert deepest > 10, "the texts are not all flat"


GROWS = {
    "levels": ("", "<div>"),
    "levels with ends of others": ("", "<div></p>"),
    "ends in comments": ("", "<div><!--</div>-->"),
    "ends in attributes": ("", '<div title="></div>">'),
    "ends in another scope": ("", "<div><table></div></table>"),
    "formatting in paragraphs": ("", "<p><b title={n}></p>"),
    "formatting in cells": ("<table>", "<b title={n}><td></b></tr>"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "unit"), GROWS.values(), ids=GROWS)
def test_what_stays_open_is_counted_each_time(
    before: str, unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = (
        Counted(before + "".join(unit.replace("{n}", str(n)) for n in range(times)), monkeypatch)
        for times in (10, 40)
    )
    assert many.depth >= few.depth + 30
    assert many.work > 8 * few.work, "with the square of the depth"


def test_what_ends_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    row = "<tr><th>0<td>1</td><td><b>2</b><p>x<p>y</td></tr>"
    few, many = (Counted(f"<table>{row * times}</table>", monkeypatch) for times in (10, 40))
    assert many.depth == few.depth
    assert many.work < 4.2 * few.work


MUCH = {
    "levels": "<div>" * 30,
    "formatting": "<p><b title=1><b title=2><b title=3></p>" + "<p>x</p>" * 300,
    "moved before a table": "<table>" + "x<br>" * 200,
    "long attributes": f"<p><b title={'x' * 5000}></p>" + "<p>x</p>" * 30,
    "ampersands": "<p>" + "&" * 300,
    "ampersands in an attribute": f"<p title='{'&' * 300}'>",
}


@pytest.mark.parametrize("text", MUCH.values(), ids=MUCH)
def test_what_would_be_too_much_work_is_shown_as_its_source(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert clean_html(text) != html.escape(text)
    monkeypatch.setattr(plain_html, "_MAX_DEPTH", 20)
    monkeypatch.setattr(plain_html, "_MAX_WORK", 1000)
    assert clean_html(text) == html.escape(text)


def test_the_deepest_that_is_shown_is_less_than_half_of_what_a_browser_holds() -> None:
    assert clean_html("<div>" * 199).startswith("<div><div>")
    assert clean_html("<div>" * 200).startswith("&lt;div&gt;")


def test_a_table_of_ten_thousand_cells_is_shown() -> None:
    table = "<table><tbody>" + ("<tr>" + "<td>1</td>" * 20 + "</tr>") * 500 + "</tbody></table>"
    assert clean_html(table) == table


# As the standard reads them; what a parser would do with the original is in the second column, too.
READ = {
    "a quoted end": ('<b title=">">x</b>', '<b title="&gt;">x</b>'),
    "a quote in a name": ("<b title=a don't>x</b>", '<b title="a">x</b>'),
    "a quote at the end of a name": ('<b a">x</b ">y', "<b>x</b>y"),
    "a quote of the other kind": ("<b title='say \"hi\"'>x</b>", '<b title="say &quot;hi&quot;">x</b>'),
    "no quotes": ("<a href=https://x.org/?a=1&b>l</a>", None),
    "twice": ("<b title=1 title=2>x</b>", '<b title="1">x</b>'),
    "slashes": ("<b/title=c>x</b>", '<b title="c">x</b>'),
    "upper case": ("<B TITLE=c>x</B>", '<b title="c">x</b>'),
    "no tag": ("1 < 2 <3", "1 &lt; 2 &lt;3"),
    "no end": ("x<b title='", "x"),
    "a comment": ("x<!-- <b> -->y", "xy"),
    "an empty comment": ("x<!-->y", "xy"),
    "a comment's other end": ("x<!-- --!>y", "xy"),
    "a declaration": ("<!doctype html>y<?x?>z</3>", "yz"),
    "an entity": ("&lt;b&gt; &eacute; &#65;", "&lt;b&gt; \u00e9 A"),
    "a script": ("x<script>if (a<b) '</b>'</script>y", "xy"),
    "a style": ("x<style>td{}</style>y", "xy"),
    "a drawing": ("x<svg><text>t</text></svg>y<svg/>z", "xyz"),
    "a text field": ("<textarea><b>x</b></textarea>", "&lt;b&gt;x&lt;/b&gt;"),
    "a tag that may not stay": ("<form><b>x</b></form>", "<b>x</b>"),
    "a break in the text": ("<pre>\n\nx</pre>", None),
}  # fmt: skip


@pytest.mark.parametrize(("text", "shown"), READ.values(), ids=READ)
def test_html_is_read_as_a_parser_reads_it(text: str, shown: str | None) -> None:
    written = plain_html.write_anew(text)
    assert nh3.clean(written) == nh3.clean(text)
    if shown is not None:
        assert nh3.clean(written) == shown
    assert plain_html.write_anew(written) == written, "the plain form has one reading"


def test_what_is_nearly_a_picture_is_read_once() -> None:
    """Read anew from each of its gaps, it would take hours."""
    head = "iVBORw0KGgo"
    assert is_picture("image/png", head + " " * 10**6 + "=\n")
    assert not is_picture("image/png", head + " " * 10**6 + "!")
