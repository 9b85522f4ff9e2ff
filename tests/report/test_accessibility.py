"""Pages that everybody can use: axe finds nothing, light and dark, on a telephone and on paper's width."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from nbformat import v4
from selenium.webdriver import Chrome

from autograder.report.class_page import class_page
from autograder.report.class_report import class_report
from autograder.report.feedback import PageLink
from autograder.report.overview import notebook_result, render_overview
from autograder.report.statistics import ItemOf
from autograder.scorecard import Check, Item, NotebookCard, Scorecard, Verdict
from autograder.similarity.compare import Unit, compare
from autograder.similarity.page import About, similarity_page
from tests.accessibility import missing_axe, violations
from tests.browser import missing_browser, open_browser
from tests.report.samples import (
    WRITTEN,
    about,
    check_cell,
    code,
    essay,
    item,
    notebook_card,
    picture,
    solution,
    text,
)
from tests.report.test_class_report import CARDS, ITEMS, MARKS, chance
from tests.report.test_feedback import page as feedback_page
from tests.report.test_overview import missing
from tests.similarity.test_compare import numbers

WHY_NOT = missing_browser() or missing_axe()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

_GREEN = "\x1b[32mgreen\x1b[0m \x1b[31mred\x1b[0m \x1b[38;5;28;01mdef\x1b[39;00m \x1b[38;5;66;03m# words\x1b[39m"
_FRAMES = [
    "ValueError  Traceback",
    f"Cell In[1], line 2\n      1 a\n----> 2 {_GREEN} " + "x = 1 " * 60,
    "ValueError: no",
]
_TABLE = (
    "| | a | b |\n|---|---|---|\n| 1 | 2 | 3 |\n\n| "
    + " | ".join(["wide column"] * 12)
    + " |\n"
    + "|---" * 12
    + "|\n"
)


def _feedback() -> str:
    """A page with all that a page can have."""
    outputs = [
        v4.new_output("display_data", {"image/png": picture()}),
        v4.new_output(
            "display_data",
            {
                "text/html": "<h4>x</h4><img src='data:image/png;base64,x'><table><tr><th></th></tr></table>"
            },
        ),
        v4.new_output("stream", name="stdout", text=f"{_GREEN} and much more\n" * 50),
        v4.new_output("error", ename="ValueError", evalue="no", traceback=_FRAMES),
    ]
    long = "    return [value for value in values if value is not None and value > 0]  # a comment that is long"
    cells = [
        text("# 1 · Data\n\nWith $x^2$ and $$\\sum_{i=1}^n x_i.$$\n\n" + _TABLE),
        text("### A heading that is too deep\n\n# And another first one"),
        solution(f'def head(values):\n    """Words."""\n{long}', outputs, comment="## Well done"),
        check_cell(),
        code("x", [outputs[0]], **about("data", locked=True)),
        essay("My answer\n\n##### deep\n\n![](attachment:gone.png)"),
    ]
    verdicts = (Verdict.PASSED, Verdict.FAILED, Verdict.RAISED, Verdict.LIMIT, Verdict.UNGRADED)
    others = [item(verdict, grade_id=f"{verdict}_tests") for verdict in verdicts]
    card = notebook_card(item(*verdicts[:4]), *others, WRITTEN)
    link = PageLink("index.html", "All of vgg16")
    return feedback_page(cells, card, overview=link, before=link, after=link, late_penalty=1.0)


def _unreadable() -> str:
    card = NotebookCard(
        "1_data", (item(Verdict.UNGRADED),), "x", unreadable="1_data.ipynb is not JSON"
    )
    return feedback_page([check_cell()], card)


def _overview() -> str:
    card = notebook_card(item(Verdict.FAILED), item(Verdict.UNGRADED, grade_id="b"), WRITTEN)
    broken = NotebookCard("3", (item(Verdict.UNGRADED),), "x", unreadable="3.ipynb is not JSON")
    rows = [
        notebook_result(
            name, one, {}, {"why", "b"}, title=f"{name} · Data", max_score=14.0, page=f"{name}.html"
        )
        for name, one in {"1": card, "2": missing("2"), "3": broken, "4": None}.items()
    ]
    return render_overview(rows, student="ada", assignment="vgg16")


def _report() -> str:
    """With items that come to limits and to thresholds of chance."""
    hung = Check("more", "T", Verdict.LIMIT, limit="probe_wall_s", seconds=1.0)
    one = Item("run", 4, checks=(*chance(0.9, Verdict.PASSED), hung))
    cards = [*CARDS, Scorecard("lenses", "eve", (NotebookCard("n", (one,)),))]
    return class_page(class_report("lenses", (*ITEMS, ItemOf("n", "run", 4)), cards, MARKS))


def _similarity() -> str:
    """Of a class with a group, a pair of equal cells, cells of one id, and lines too long for a telephone."""
    codes = {f"s{n:02}": numbers(n) for n in range(12)}
    codes |= {"s01": codes["s00"], "s02": f"{codes['s00']}\n{numbers(50)}", "s03": codes["s04"]}
    ids = {"s03": {"a1b2c3d4"}, "s04": {"a1b2c3d4"}}
    units = [
        Unit("1_data", "make_transform", "", codes),
        Unit("1_data", "fit", "", {**codes, "s04": f"{numbers(70)}\n# {'wide ' * 60}"}),
    ]
    about = {name: About("Ada Lovelace", "2026-07-01 21:30 UTC") for name in ("s00", "s01")}
    return similarity_page("vgg16", compare([*codes], units, (), ids), about)


PAGES = {
    "feedback": _feedback,
    "unreadable": _unreadable,
    "overview": _overview,
    "report": _report,
    "similarity": _similarity,
}


@pytest.fixture(scope="module", params=["light", "dark"])
def browser(request: pytest.FixtureRequest) -> Iterator[Chrome]:
    with open_browser(dark=request.param == "dark") as driver:
        yield driver


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(name: str, width: int, browser: Chrome, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(PAGES[name](), encoding="utf-8")
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(path.as_uri())
    browser.execute_script(
        "for (const box of document.querySelectorAll('details')) box.open = true;"
    )
    assert browser.execute_script("return window.innerWidth") == width
    assert violations(browser) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_axe_finds_what_is_wrong(browser: Chrome, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        '<html lang="en"><title>x</title><main><h1>x</h1><h3>y</h3><img src="x.png"></main></html>'
    )
    browser.get(path.as_uri())
    assert {found.split(":")[0] for found in violations(browser)} == {"heading-order", "image-alt"}
