"""The formgrader's own template, through nbconvert, with our two parts in its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbgrader.server_extensions.formgrader.handlers as formgrader
import pytest
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode, v4
from selenium.webdriver import Chrome
from traitlets.config import Config

from autograder.report import markdown
from autograder.report.harmless import HarmlessNotebook
from autograder.report.pieces import MAX_COLOURS
from tests.browser import missing_browser, open_browser
from tests.report.samples import check_cell, essay, picture, solution
from tests.report.test_injection import PAYLOADS, outputs, what_ran

OURS = Config(
    {
        "HTMLExporter": {
            "preprocessors": ["autograder.report.harmless.HarmlessNotebook"],
            "filters": {"markdown2html": "autograder.report.harmless.harmless_markdown"},
        }
    }
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    if missing_browser():
        pytest.skip(missing_browser())
    with open_browser() as driver:
        yield driver


def formgrader_page(payload: str, config: Config) -> str:
    config = Config(config)
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [formgrader.template_path]
    answer = essay(payload)
    answer.attachments = {"p.png": {"image/png": picture()}}
    cells = [
        solution(f"x = 1  # {payload}", outputs(payload)),
        check_cell(),
        answer,
        v4.new_raw_cell(payload, metadata={"raw_mimetype": "text/html"}),
        v4.new_markdown_cell(payload, metadata={"tags": [payload.replace(",", ";")]}),
    ]
    state = {"state": {}, "version_major": 2, "version_minor": 0}
    metadata: dict[str, Any] = {"widgets": {"application/vnd.jupyter.widget-state+json": state}}
    notebook = v4.new_notebook(cells=cells, metadata=metadata)
    about = {"base_url": "", "submission_id": "1", "index": 0, "total": 1, "student": payload}
    html, _ = HTMLExporter(config=config).from_notebook_node(notebook, dict(about))
    return str(html)


NAMES = sorted(set(PAYLOADS) - {"surrogate"})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_a_submission_runs_in_the_formgrader(
    browser: Chrome, tmp_path: Path, name: str
) -> None:
    assert what_ran(browser, formgrader_page(PAYLOADS[name], OURS), tmp_path) == []


def test_a_script_that_ran_would_be_seen(browser: Chrome, tmp_path: Path) -> None:
    """Or the test above could not fail."""
    assert "flag" in what_ran(browser, f"<html>{PAYLOADS['script']}</html>", tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_the_formgrader_still_shows_answers_figures_and_tables() -> None:
    text = "Is $a<b$ and `x < y`?\n\n# head_tests\n\n| h |\n|---|\n| 1 |\n\n![](attachment:p.png)"
    html = formgrader_page(text, OURS)
    assert "$a&lt;b$" in html
    assert "<code>x &lt; y</code>" in html
    assert "<th>h</th>" in html
    assert html.count(f"base64,{picture()}") == 2  # the attachment and the output
    assert html.count('id="head_tests"') == 1  # only the field for the mark has this id


@pytest.mark.filterwarnings("ignore")
def test_a_text_that_is_no_unicode_does_not_stop_marking() -> None:
    assert formgrader_page(PAYLOADS["surrogate"], OURS).encode("utf-8")


def coloured_outputs(times: int) -> list[NotebookNode]:
    text = "\x1b[31mred\x1b[0m " * times
    return [
        v4.new_output("stream", text=text),
        v4.new_output("error", traceback=[text]),
        v4.new_output("display_data", data={"text/plain": text}),
    ]


def test_so_many_colours_that_they_would_take_minutes_are_left_out() -> None:
    for times, colours in ((3, 6), (MAX_COLOURS, 0)):
        notebook = v4.new_notebook(cells=[v4.new_code_cell("x", outputs=coloured_outputs(times))])
        shown, _ = HarmlessNotebook().preprocess(notebook, {})
        stream, error, display = shown.cells[0].outputs
        for text in (stream.text, error.traceback[0], display.data["text/plain"]):
            assert text.count("\x1b") == colours
            assert text.count("red") == times


def test_the_formgrader_too_shows_as_written_what_it_has_no_time_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(markdown, "MAX_OF_NOTEBOOK", 20)
    html = formgrader_page("**words** <b>x</b>", OURS)
    assert "<strong>words</strong> <b>x</b>" in html, "the answer"
    assert "<pre>**words** &lt;b&gt;x&lt;/b&gt;</pre>" in html, "what comes after it"
    assert html.count("shown as it was written") == 1
