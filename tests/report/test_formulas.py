"""Formulas: those of the course as they should be, and nothing that loses a letter on the way."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from autograder.report.formulas import mathml
from autograder.report.markdown import render_markdown
from tests.browser import missing_browser, open_browser

ROOT = Path(__file__).parent.parent.parent


def words(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


class _Collector(IPythonRenderer):  # type: ignore[misc]
    def __init__(self, found: dict[tuple[str, bool], None]) -> None:
        super().__init__(escape=False)
        self._found = found

    def block_math(self, body: str) -> str:
        self._found[body, True] = None
        return ""

    def inline_math(self, body: str) -> str:
        self._found[body, False] = None
        return ""


def formulas_of_the_course() -> dict[tuple[str, bool], None]:
    found: dict[tuple[str, bool], None] = {}
    for path in sorted((ROOT / "source").rglob("*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] == "markdown":
                MarkdownWithMath(renderer=_Collector(found)).render("".join(cell["source"]))
    return found


COURSE = formulas_of_the_course()
MACRO = re.compile(r"\\(?:begin|end)\{[a-z]+\}|\\[a-zA-Z]+")


def letters(text: str) -> list[str]:
    return sorted(filter(str.isalnum, unicodedata.normalize("NFKC", text)))


# What a macro shows by itself, besides signs.
OF_MACROS = {
    **{rf"\{name}": name for name in ("log", "ln", "min", "max", "arg")},
    r"\bmod": "mod",
    r"\theta": "θ", r"\mu": "μ", r"\sigma": "σ", r"\eta": "η", r"\phi": "φ", r"\ell": "ℓ",
}  # fmt: skip


def test_every_formula_of_the_course_is_shown_with_all_of_its_letters() -> None:
    """Before and after, letter by letter; `\\phi` has a look of its own."""
    assert len(COURSE) > 60
    for tex, block in COURSE:
        shown = mathml(tex, block=block)
        assert shown, tex
        assert not {"&", "#", "@"} & {*words(shown)} - {*tex}, tex
        extra = "".join(OF_MACROS.get(name, "") for name in MACRO.findall(tex))
        assert letters(words(shown).replace("ϕ", "φ")) == letters(MACRO.sub(" ", tex) + extra), tex
        assert shown.count('display="block"') == block


AS_IT_SHOULD_BE = {
    r"\begin{aligned} a &= b \\[2pt] c &= d \end{aligned}": ("<mtr>", 2),
    r"\begin{align} a &= b \\ c &= d \end{align}": ("<mtr>", 2),
    r"\begin{gather} a \\ b \end{gather}": ("<mtr>", 2),
    r"a \\ b": ("<mtr>", 2),
    r"\mathop{\mathrm{argmax}}_c y": ("<munder><mi>argmax</mi>", 1),
    r"\operatorname*{arg\,max}_c y": ("<munder><mi>argmax</mi>", 1),
    r"\operatorname{\mathrm{softmax}}(y)": ("<mi>softmax</mi>", 1),
    r"\lim_{n \to \infty} x_n": ("<munder><mi>lim</mi>", 1),
    r"\bm{x}": ("𝒙", 1),
    r"\mathbf{xy}": ("<mi>𝐱</mi><mi>𝐲</mi>", 1),
    r"\mathbb{1}": ("𝟙", 1),
    r"\mathbb E": ("𝔼", 1),
    r"\mathrm{d}x": ("<mtext>d</mtext><mi>x</mi>", 1),
    r"\bigl\| x \bigr\|": ("‖", 2),
    r"\text{50\% of}": ("50%", 1),
    r"-\ln 0.1": ('<mi>ln</mi><mspace width="0.17em">', 1),
}


@pytest.mark.parametrize("tex", AS_IT_SHOULD_BE)
def test_what_the_converter_would_lose_is_kept(tex: str) -> None:
    part, times = AS_IT_SHOULD_BE[tex]
    assert mathml(tex, block=True).count(part) == times


@pytest.mark.parametrize(
    "tex",
    [r"\odd{x}", "{x", "% only a comment", r"\boxed{x}", r"\begin{eqnarray} a &=& b \end{eqnarray}", "a & b",
     r"\text{a < b}", r"\href{javascript:x}{y}", r"\color{red}{x}", "{" * 5000, r"\sqrt" * 1900,
     "x" * 2001, r"\begin{array}{c@{,}c} a & b \end{array}", r"\text{<img src=x>}", ""],
)  # fmt: skip
def test_what_would_lose_something_stays_tex(tex: str) -> None:
    assert mathml(tex, block=True) == ""
    if tex and len(tex) < 100:
        assert "<code>$" in render_markdown(f"so ${tex}$ it is") or "%" in tex


def test_a_formula_stands_where_it_was_written_and_in_no_attribute() -> None:
    html = render_markdown('a $x^2$ b ![$y$](x.png "$z$") <b title="$w$">c</b> `$v$`')
    assert html.count("<math") == 1
    assert "a <math" in html
    assert "$v$" in html


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """What a browser makes of the course's formulas: their text, and the room that they take."""
    if missing_browser():
        pytest.skip(missing_browser())
    page = tmp_path_factory.mktemp("formulas") / "page.html"
    made = "".join(f"<p>{mathml(tex, block=block)}</p>" for tex, block in COURSE)
    page.write_text(f"<!DOCTYPE html><meta charset=utf-8>{made}", encoding="utf-8")
    with open_browser() as browser:
        browser.get(page.as_uri())
        yield browser.execute_script(_SIZES)


_SIZES = """
return [...document.querySelectorAll('math')].map(math => {
  const parts = [...math.querySelectorAll('mi, mn, mtext')].filter(part => part.textContent.trim());
  const sizes = parts.map(part => part.getBoundingClientRect());
  return {known: math.namespaceURI.endsWith('MathML') && getComputedStyle(math).display.includes('math'),
          unseen: sizes.filter(size => !(size.width > 0 && size.height > 0)).length, parts: parts.length};
});
"""


def test_a_browser_gives_room_to_every_letter(drawn: list[dict[str, Any]]) -> None:
    assert len(drawn) == len(COURSE)
    assert all(one["known"] and one["parts"] and not one["unseen"] for one in drawn)
