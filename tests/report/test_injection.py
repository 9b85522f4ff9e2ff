"""Submissions that try to run something in the page; opened in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode, v4
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver import Chrome

from autograder.course.markers import Markers
from autograder.report.feedback import render_feedback
from autograder.report.overview import notebook_result, render_overview
from autograder.scorecard import Check, Item, NotebookCard, Verdict
from tests.browser import missing_browser, open_browser
from tests.report.samples import about, check_cell, essay, picture, solution

pytestmark = pytest.mark.skipif(bool(missing_browser()), reason=missing_browser())

RUN = "window.pwned=1;document.title='pwned';alert(1)"
PAYLOADS = {
    "script": f"<script>{RUN}</script>",
    "img": f'<img src=x onerror="{RUN}">',
    "unquoted": "<img src=x onerror=window.pwned=1>",
    "slashes": "<img/src=x/onerror=window.pwned=1//",
    "svg_onload": f'<svg onload="{RUN}"></svg>',
    "svg_script": f"<svg><script>{RUN}</script></svg>",
    "svg_style": f'<svg><style><img src=x onerror="{RUN}"></style></svg>',
    "math": f'<math><mtext><table><mglyph><style><img src=x onerror="{RUN}"></style></mglyph></table>'
    "</mtext></math>",
    "noscript": f"<noscript><p title=\"</noscript><img src=x onerror='{RUN}'>\">",
    "template": f'<template><img src=x onerror="{RUN}"></template>',
    "iframe_srcdoc": '<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>',
    "iframe_js": '<iframe src="javascript:parent.pwned=1"></iframe>',
    "object": '<object data="data:text/html,<script>parent.pwned=1</script>"></object>',
    "embed": '<embed src="data:image/svg+xml,<svg onload=parent.pwned=1>">',
    "form": '<form action="javascript:window.pwned=1"><button>press</button></form>',
    "base": '<base href="javascript:window.pwned=1//"><a href="x">press</a>',
    "meta": '<meta http-equiv="refresh" content="0;url=data:text/html,<title>pwned</title>">',
    "link": '<link rel="stylesheet" href="data:text/css,body{display:none}">',
    "style": "<style>main{display:none}</style>",
    "close_style": f"</style><script>{RUN}</script>",
    "close_pre": f"</pre></code></details></article></main><script>{RUN}</script>",
    "close_title": f"</title><script>{RUN}</script>",
    "comment": f"<!--><script>{RUN}</script>-->",
    "comment_end": f"<!-- --!><script>{RUN}</script> -->",
    "cdata": f"<![CDATA[<script>{RUN}</script>]]>",
    "processing": f"<?xml ><script>{RUN}</script>?>",
    "details": f'<details open ontoggle="{RUN}">x</details>',
    "focus": f'<input autofocus onfocus="{RUN}"><p tabindex=1 autofocus onfocus="{RUN}">x</p>',
    "animation": f'<p style="animation:a 1s" onanimationstart="{RUN}" onclick="{RUN}">press</p>',
    "js_link": '<a href="javascript:void(window.pwned=1)">press</a>',
    "js_link_tab": '<a href="java\tscript:void(window.pwned=1)">press</a>',
    "js_link_entity": '<a href="&#106;avascript:void(window.pwned=1)">press</a>',
    "js_link_space": '<a href=" \x01javascript:void(window.pwned=1)">press</a>',
    "md_link": "[press](javascript:void(window.pwned=1))",
    "md_reference": "[press][1]\n\n[1]: javascript:void(window.pwned=1)",
    "md_autolink": "<javascript:void(window.pwned=1)>",
    "md_image": '![x](x" onerror="window.pwned=1)',
    "md_title": "![x](x 'a\" onerror=\"window.pwned=1')",
    "md_fence": f'```html"><script>{RUN}</script>\n<script>{RUN}</script>\n```',
    "mermaid": f"```mermaid\n</pre><script>{RUN}</script>\n```",
    "maths": f"$x<script>{RUN}</script>$ $$<img src=x onerror=window.pwned=1>$$",
    "maths_text": f"$\\text{{<img src=x onerror={RUN}>}}$ $\\mathrm{{</math><script>{RUN}</script>}}$",
    "maths_in_a_tag": '![$"><img src=x onerror=window.pwned=1>$](x "$\\"><script>window.pwned=1</script>$")',
    "maths_link": "$\\href{javascript:void(window.pwned=1)}{press}$ $\\style{x:y}{a}$ $\\class{a}{b}$",
    "heading": f'# "><img src=x onerror="{RUN}">',
    "ansi": f"\x1b[31m<img src=x onerror=window.pwned=1>\x1b[0m\x1b[<script>{RUN}</script>",
    "ansi_split": f"<\x1b[31mscript>{RUN}</\x1b[0mscript>",
    "fullwidth": f"＜script＞{RUN}＜/script＞",
    "nul": f"<scr\x00ipt>{RUN}</scr\x00ipt><img src=x one\x00rror=window.pwned=1>",
    "bidi": f"\u202e<script>{RUN}</script>\u2066",
    "surrogate": f"\ud800<script>{RUN}</script>",
    "jinja": "{{ 7 * 7 }}{% raw %}<script>window.pwned=1</script>",
    "backticks": f"`<script>{RUN}</script>` and `` ` ``",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with open_browser() as driver:
        yield driver


def what_ran(browser: Chrome, html: str, folder: Path) -> list[str]:
    """Open a page, press all that can be pressed, and say what ran."""
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    browser.get(path.as_uri())
    ran = []
    for _ in range(40):  # every alert that is open hides the next
        try:
            browser.switch_to.alert.dismiss()
        except NoAlertPresentException:
            break
        ran.append("alert")
    title = browser.title
    browser.execute_script(
        "for (const box of document.querySelectorAll('details')) box.open = true;"
        "for (const part of document.querySelectorAll('a, button, p'))"
        " if (part.textContent.includes('press')) part.click();"
    )
    browser.execute_async_script("setTimeout(arguments[0], 300)")
    if browser.execute_script("return 'pwned' in window"):
        ran.append("flag")
    if "pwned" in (title, browser.title):
        ran.append("title")
    if not browser.current_url.startswith(path.as_uri()):
        ran.append("navigation")
    return ran


def outputs(payload: str) -> list[NotebookNode]:
    """The payload in every place of an output, also where the mime type lies."""
    display: list[dict[str, Any]] = [
        {"text/html": payload},
        {"text/html": [payload, payload]},
        {"text/plain": payload},
        {"text/latex": payload},
        {"text/markdown": payload, "text/plain": payload},
        {"image/svg+xml": payload, "text/plain": payload},
        {"application/javascript": payload, "text/plain": payload},
        {"image/png": payload, "text/plain": "no picture"},
        {"image/png": f'{picture()}" onerror="window.pwned=1', "text/plain": "no picture"},
        {"image/png": picture()},
    ]
    metadata = {"image/png": {"width": "1 onerror=window.pwned=1"}, "text/html": {"isolated": True}}
    made = [v4.new_output("display_data", data=data, metadata=metadata) for data in display]
    made.append(v4.new_output("stream", name="stdout", text=payload))
    made.append(v4.new_output("stream", name="stderr", text=payload))
    made.append(v4.new_output("error", ename=payload, evalue=payload, traceback=[payload] * 2))
    made.append(v4.new_output("error", ename=payload, evalue=payload, traceback=[]))
    return made


def attacked_page(payload: str) -> str:
    """A page with the payload wherever a submission, a name or a message can put one."""
    line = payload.replace(",", ";").split("\n")[0]
    answer = essay(payload, comment=f"Seen: {payload}")
    answer.attachments = {"p.png": {payload: payload, "image/png": payload}}
    raw = v4.new_raw_cell(payload, metadata={"raw_mimetype": "text/html"})
    cells = [
        solution(f"x = 1  # {payload}", outputs(payload), comment=payload),
        check_cell(f'"""{payload}"""'),
        answer,
        raw,
        v4.new_markdown_cell(payload),
        v4.new_code_cell(payload, metadata={"tags": [line], "name": line}),
        v4.new_markdown_cell("x", metadata=about(payload, grade=True, solution=True, score=1)),
    ]
    verdicts = (Verdict.RAISED, Verdict.PASSED)
    found = tuple(Check(payload, payload, v, 1, payload, payload, payload) for v in verdicts)
    items = (
        Item("head_tests", 10.0, checks=found, message=payload),
        Item(payload, 1.0, checks=found),
    )
    card = NotebookCard(payload, items, payload, (payload,))
    notebook = v4.new_notebook(cells=cells, metadata={"title": payload})
    return render_feedback(
        notebook,
        card,
        student=payload,
        assignment=payload,
        score=1.0,
        max_score=15.0,
        for_students=Markers().for_students,
        waiting=(),
    )


@pytest.mark.parametrize("name", PAYLOADS)
def test_nothing_in_a_submission_runs(browser: Chrome, tmp_path: Path, name: str) -> None:
    html = attacked_page(PAYLOADS[name])
    assert what_ran(browser, html, tmp_path) == []
    # The page's own policy is the last wall; the walls before it have to hold alone.
    assert what_ran(browser, html.replace("Content-Security-Policy", "x-off"), tmp_path) == []
    assert browser.execute_script("return document.querySelector('main').offsetHeight > 300")
    dangerous = "script, iframe, object, embed, form, base, link, svg, input, [autofocus]"
    assert browser.execute_script(f"return document.querySelectorAll('{dangerous}').length") == 0
    assert browser.execute_script("return document.querySelectorAll('style').length") == 1
    # Formulas are made of nothing but what formulas have.
    assert {*browser.execute_script(_IN_FORMULAS)} <= HARMLESS_IN_FORMULAS


_IN_FORMULAS = """
const parts = [...document.querySelectorAll('math, math *')];
return parts.flatMap(part => [part.localName, ...part.getAttributeNames().map(name => '@' + name)]);
"""
HARMLESS_IN_FORMULAS = {
    *("math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mstyle", "msub", "msup", "msubsup", "mover", "mfrac"),
    *("mtable", "mtr", "mtd", "@xmlns", "@display", "@stretchy", "@fence", "@form", "@mathvariant", "@width"),
}  # fmt: skip


@pytest.mark.parametrize("name", ["script", "close_style", "jinja", "md_link", "backticks"])
def test_nothing_runs_in_the_overview(browser: Chrome, tmp_path: Path, name: str) -> None:
    payload = PAYLOADS[name]
    check = Check(payload, payload, Verdict.FAILED, 1, payload, payload, payload)
    card = NotebookCard(payload, (Item(payload, 4.0, checks=(check,)),), unreadable=payload)
    rows = [
        notebook_result(payload, one, {}, (), title=payload, max_score=4.0, page="p.html")
        for one in (card, replace(card, unreadable=""), None)
    ]
    html = render_overview(rows, student=payload, assignment=payload)
    assert html.count("Look at these first") == 1
    page = html.replace("Content-Security-Policy", "x-off")
    assert what_ran(browser, page.replace('href="p.html', 'href="#'), tmp_path) == []
    assert browser.execute_script("return document.querySelectorAll('script, img').length") == 0


SURE = ["script", "img", "svg_onload", "iframe_srcdoc", "js_link", "close_style", "details"]


@pytest.mark.parametrize("name", SURE)
def test_the_browser_notices_what_runs(browser: Chrome, tmp_path: Path, name: str) -> None:
    html = f"<!DOCTYPE html><title>x</title><style></style><main>{PAYLOADS[name]}</main>"
    ran = what_ran(browser, html, tmp_path)
    assert "flag" in ran
    if "alert" in PAYLOADS[name]:
        assert {"alert", "title"} <= set(ran)


def test_the_page_asks_nothing_of_the_network(browser: Chrome, tmp_path: Path) -> None:
    remote = '<img src="https://example.org/x.png"><a href="//example.org">x</a> ![](http://example.org/y)'
    path = tmp_path / "page.html"
    path.write_text(attacked_page(remote).replace("Content-Security-Policy", "x-off"))
    browser.get(path.as_uri())
    script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    asked = [name for name in browser.execute_script(script) if not name.startswith("data:")]
    assert asked == []
